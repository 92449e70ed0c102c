"""Errors in Chinese: what a setting, a text, a snapshot or a prediction is refused for."""

from .pairs import read_pairs

_SETTINGS = """
{name} must be a number from {low} to {high}, not {value}
=> {name:words} 须为 {low} 到 {high} 之间的数，而不是 {value}

{name} must be a whole number from {low} to {high}, not {value}
=> {name:words} 须为 {low} 到 {high} 之间的整数，而不是 {value}

{name} must be one of {names}, not {value}
=> {name:words} 须为 {names} 之一，而不是 {value}

long must be more than short, {short} tokens, not {long}
=> 长流须比短流（{short} 个词元）长，而不是 {long}
"""

_TEXTS = """
{name} is empty; give at least 1 character that is not blank
=> {name}是空的；请至少输入一个非空白字符

{name} is larger than {size} MB
=> {name}大于 {size} MB

{name} is binary or UTF-16; save it as plain UTF-8 text
=> {name}是二进制或 UTF-16；请存为 UTF-8 纯文本

{name} is not UTF-8 text: byte {place} cannot be decoded
=> {name}不是 UTF-8 文本：第 {place} 字节无法解码

text must have at least {least} bytes, not {count}
=> 文本须至少有 {least} 个字节，而不是 {count} 个
"""

_SNAPSHOTS = """
snapshot is damaged or cut off: it is not a whole file
=> 快照损坏或被截断：不是完整的文件

snapshot is damaged: its checksum does not fit
=> 快照已损坏：校验和不符

snapshot has the schema {schema}; this version reads {own}
=> 快照的格式是 {schema}；本版本读取 {own}

snapshot belongs to another model: its fingerprint does not fit
=> 快照属于另一个模型：指纹不符

snapshot belongs to another memory: it also holds {name}
=> 快照属于另一个记忆：还含有 {name}

snapshot belongs to another memory: {name} is missing or of another shape or type
=> 快照属于另一个记忆：{name} 缺失，或形状、类型不同

snapshot must be one of {names}, not {name}
=> 快照须为 {names} 之一，而不是 {name}

name must be 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit, not {name}
=> 名称须为 1 到 64 个字符（a-z、0-9、_ 和 -），以字母或数字开头，而不是 {name}

session must be 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit, not {name}
=> 会话名须为 1 到 64 个字符（a-z、0-9、_ 和 -），以字母或数字开头，而不是 {name}

name must be another name: {name} is a device on Windows
=> 名称须另取：{name} 在 Windows 上是设备名

session must be another name: {name} is a device on Windows
=> 会话名须另取：{name} 在 Windows 上是设备名

name must be other than auto and alarm, not {name}
=> 名称不能是 auto 或 alarm（给出的是 {name}）
"""

_PREDICTIONS = """
choose one of the answers first; a wrong one costs nothing
=> 请先选一个答案；选错没有任何损失

prediction must be a number such as 25 or 0.4, not {entry}
=> 预测须为一个数，例如 25 或 0.4，而不是 {entry}

prediction must be none, or an alarm and tokens such as loss 300, not {entry}
=> 预测须为 none，或告警名加词元数，例如 loss 300，而不是 {entry}
"""

PHRASES: dict[str, str] = read_pairs(_SETTINGS) | read_pairs(_TEXTS) | read_pairs(_SNAPSHOTS) | read_pairs(_PREDICTIONS)

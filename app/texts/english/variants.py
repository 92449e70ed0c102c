"""The strings of the Variants page; `texts` joins them to the others."""

TEXTS: dict[str, str] = {
    "variants": "Variants",
    "variants_title": "One memory, four places in a layer",
    "variant": "Variant",
    "variant?": "Where the memory sits: alone, as context, as a gate, or as a layer. Everything below follows.",
    "variant=lmm": "**LMM**, memory alone: a layer without attention. What a token knows of the past went through "
    "the memory's weights.",
    "variant=mac": "**MAC**, memory as context: before each segment the memory answers each token (h); attention sees "
    "persistent tokens, h and the segment; what it makes is written.",
    "variant=mag": "**MAG**, memory as a gate: attention over a window and the memory work side by side, and their "
    "product is passed on.",
    "variant=mal": "**MAL**, memory as a layer: the memory first, then attention over a window of what it made.",
    "variants_reset?": "Back to the settings that this page opened with.",
    "variants_defaults?": "The page's own settings.",
    # who sees whom
    "mask_title": "Who sees whom",
    "mask_title?": "Measured on a small untrained layer: each source is nudged in turn, and a cell is filled where "
    "the token's output moves. The lines close a segment (MAC) or a chunk of 4 tokens.",
    "wiring": "The layer, from input x to output y",
    "attention_sees": "Attention: each row sees the filled columns",
    "memory_sees": "Memory: whose writes reach each row",
    "no_attention": "LMM has no attention: each token sees the past through the memory alone (right).",
    "mask=lmm": "Every earlier write reaches every later token: no window ends it. The persistent tokens (P) are read "
    "into the memory first.",
    "mask=mac": "Token i sees h of j ≤ i and x of j ≤ i in its own segment. h reads the memory as it stood before the "
    "segment, so only writes of earlier segments reach it; the gate at the end also reads the newest writes.",
    "mask=mag": "Attention ends with its window of 4 tokens; the memory's part reaches back to the first token.",
    "mask=mal": "Attention ends with its window of 4 tokens; the memory below it reaches back to the first token.",
    "alt=wiring": "Blocks of the layer and the arrows between them",
    "alt=attention": "Which persistent tokens, memory answers and tokens the attention of each token sees",
    "alt=writes": "Which tokens' memory writes reach each token",
    # weights
    "no_weights": "No trained weights '{name}' are bundled for {variant}, so there is nothing to show here yet. "
    "Weights are there for: {others}.",
    "no_weights_any": "none",
    "bad_weights": "The weights '{name}' cannot be used: {error}.",
    "card": "Weights **{name}**: {parameters:,} parameters, trained for {steps} steps on {tokens} tokens.",
    "card_short": "Weights **{name}**: {parameters:,} parameters.",
    # loss
    "bits": "Loss per byte, beside models trained without memory",
    "bits?": "Bits that a trained model needs for each next byte. on: the memory writes and reads. frozen: it reads "
    "its start weights. off: it is left out. The last two are other models, the controls: they were trained on the "
    "same data without memory.",
    "reading": "Text",
    "reading?": "held-out: the tenth of the bundled text that no bundled model was trained on. paste: your own.",
    "from_byte": "From byte",
    "from_byte?": "Where in the held-out text reading begins. Text of your own is read from its start.",
    "read_bytes": "Bytes",
    "read_bytes?": "How much is read. Up to 2,000 bytes are read at once; more waits for the button.",
    "window": "Smoothing",
    "window?": "Each point is the mean over this many bytes up to it. 1 shows each byte.",
    "read": "Read",
    "read?": "Reads the text with the memory on, frozen and off, and with the models trained without memory.",
    "stop": "Stop",
    "stop?": "Ends it here. What is finished stays.",
    "reading_now": "Reading, {mode}: {share:.0%}",
    "read_first": "{count:,} bytes take a few seconds: press Read.",
    "bits=on": "Memory on",
    "bits=frozen": "Memory frozen",
    "bits=off": "Memory off",
    "bits=same steps": "Trained without, same steps",
    "bits=same time": "Trained without, same time",
    "bits=on?": "Mean bits per byte with the memory writing and reading.",
    "bits=frozen?": "Mean bits per byte with the memory held at its start weights. Below: against on.",
    "bits=off?": "Mean bits per byte with the memory left out. Below: against on.",
    "bits=same steps?": "Mean bits per byte of another model, trained without memory for the same number of steps. "
    "Below: against on.",
    "bits=same time?": "Mean bits per byte of another model, trained without memory for about the same time, which is "
    "more steps. Below: against on.",
    "against": "{value:+.3f} ± {error:.3f}",
    "against_short": "{value:+.3f}, too few bytes to tell",
    "by_length": "Training sequences had {size} bytes: frozen against on is {within:+.3f} within that length and "
    "{past:+.3f} past it.",
    "beside=1": "This model needs **{value:.3f} bits per byte less** than {who}.",
    "beside=-1": "This model needs **{value:.3f} bits per byte more** than {who}: on this text, "
    "its memory did not pay.",
    "beside=0": "This model and {who} do not differ clearly ({value:.3f} bits per byte).",
    "who=same steps": "the one that was trained **without memory** for the same number of steps",
    "who=same time": "the one that was trained **without memory** for about the same time",
    "torn": "Frozen differs from on by {frozen:+.3f} bits and off by {off:+.3f}, but both take away a part that the "
    "model was trained with, so these two numbers do not say what memory is worth.",
    "errors": "(± is two standard errors over blocks of 100 bytes of this text. Models trained with another seed would "
    "differ, too.)",
    "no_controls": "No model that was trained without memory is bundled, so nothing here says what memory is worth.",
    "read_source": "Read: {name}, {count:,} bytes.",
    "held_out": "the bundled text's held-out part, from byte {start:,}",
    "alt=bits": "Bits per byte along the text with the memory on, frozen and off, and of models trained without memory",
    # what the cards hold
    "evidence": "What the memory is worth on text",
    "evidence?": "Numbers that stand in the cards of the models. The controls were trained on the same data without "
    "memory: only they can say what memory is worth.",
    "kept": "Measured beforehand on held-out text and stored with the weights: nothing is computed here. To repeat it: "
    "`titans-mini eval --checkpoint text-{variant} --context 16 64 256 1024 4096`, and so on with "
    "`--measure second-reading` and `--measure half-life`.",
    "kept_nothing": "No text model of {variant} is bundled, so there are no stored numbers to show.",
    "not_in_card": "The card of {name} does not hold this measurement: {entry}.",
    "control=same steps": "trained without memory, same steps",
    "control=same time": "trained without memory, same time",
    "evidence=name": "Model",
    "evidence=steps": "Training steps",
    "evidence=seconds": "Processor time",
    "evidence=on": "Bits, memory on",
    "evidence=frozen": "Bits, frozen",
    "evidence=off": "Bits, off",
    "kept_context": "Bits by length of context",
    "kept_context?": "The same 32 stretches of 128 bytes each time, after so many bytes of their own context. A memory "
    "that uses the far past needs fewer bits after more context. Bars: two standard errors.",
    "kept_second_reading": "A second reading",
    "kept_second_reading?": "Each passage is read twice in a row. A memory that holds it needs fewer bits the second "
    "time. The first 32 bytes of each reading do not count. Bars: two standard errors.",
    "alt=context": "Bits per byte against the length of context, memory on, frozen, off, and models without memory",
    "alt=second_reading": "Bits per byte saved by a second reading against the length of the passage",
    "whom=on": "this model",
    "whom=same steps": "the control with the same steps",
    "whom=same time": "the control with the same time",
    "context_gain=1": "With {long:,} bytes of context, {who} needs **{amount:.3f} ± {error:.3f} bits per byte less** "
    "than with {size:,}.",
    "context_gain=0": "For {who}, {long:,} bytes of context are not clearly better than {size:,} "
    "({value:+.3f} ± {error:.3f} bits per byte).",
    "context_gain=-1": "With {long:,} bytes of context, {who} needs **{amount:.3f} ± {error:.3f} bits per byte more** "
    "than with {size:,}.",
    "reading_none": "A second reading is not clearly easier for {who}, whatever the length.",
    "reading_gains": "The second time, {who} needs: {gains}.",
    "reading_gain=1": "{size:,} bytes: {amount:.3f} ± {error:.3f} bits per byte less",
    "reading_gain=0": "{size:,} bytes: no clear difference ({value:+.3f} ± {error:.3f} saved)",
    "reading_gain=-1": "{size:,} bytes: {amount:.3f} ± {error:.3f} bits per byte more",
    "half_life": "**Half-life of the memory** on text, the number of bytes after which half of a write is forgotten: "
    "{layers}.",
    "half_life_layer": "layer {layer}: {count:,}",
    "half_life_beyond": "layer {layer}: more than {count:,}",
    # recall
    "distance": "Recall against distance",
    "distance?": "Eight key-value pairs, then filler, then the keys again: how many values are named right?",
    "rows": "Sequences",
    "rows?": "How many sequences are tried at each distance; each asks for 8 values.",
    "measure": "Measure 64 … 4,096",
    "measure?": "Distances of 64, 256, 1,024 and 4,096 filler tokens, in each mode of the memory.",
    "longer": "Measure 16,384 and 65,536",
    "longer?": "Far longer than any training sequence. Half a minute to some minutes.",
    "measuring": "Gap {gap:,}, {mode}: {share:.0%}",
    "not_measured": "Press Measure to draw recall against distance for this variant.",
    "recalled": "Of {answers} answers at {gap:,} tokens, these are right: {shares}; of guesses, {chance:.1%}.",
    "window_sees": "Attention by itself sees {window} tokens.",
    "recall_kept": "Measured beforehand and stored with the weights: the share of values that are named right. A gap "
    "lies between the last fact and the first question.",
    "recall=name": "Model",
    "recall=near": "Gap 2,048",
    "recall=far": "Gap 65,536",
    "recall=late": "After 1,024 filler tokens",
    "recall=groups": "Two groups of 8",
    "recall=overwritten": "Overwritten values",
    "recall=many": "32 facts",
    "alt=distance": "Recall accuracy against the gap with the memory on, frozen and off, and the line of a guess",
    # generation
    "generation": "Generation",
    "generation?": "The model continues the prompt, byte by byte; its memory writes what it reads and generates.",
    "prompt": "Prompt",
    "prompt?": "Up to 2,000 characters. It stays in your session and is not part of the link.",
    "prompt_sample": "out : ndarray\n    The ",
    "no_prompt": "The prompt is empty: type at least one character.",
    "temperature": "Temperature",
    "temperature?": "0 always takes the likeliest byte. 1 draws as the model says. Above: wilder.",
    "top_k": "top-k",
    "top_k?": "Draws from the k likeliest bytes alone. 256 leaves all in.",
    "min_p": "min-p",
    "min_p?": "Drops bytes less likely than this share of the likeliest one. 0 leaves all in.",
    "memory": "Memory",
    "memory?": "on: writes and reads. frozen: reads its start weights. off: left out.",
    "new_bytes": "New bytes",
    "new_bytes?": "How many bytes are made.",
    "dice": "Seed of the draw",
    "dice?": "Same seed and settings, same text.",
    "generate": "Generate",
    "generate?": "Starts from the prompt with a fresh memory.",
    "said": "{count} bytes, memory {memory}, temperature {temperature:g}, seed {dice}.",
    "said_before": "{count} bytes, memory {memory}, temperature {temperature:g}, seed {dice}: made with other settings "
    "than those above.",
    "small": "A model of this size learns spelling and layout, little sense.",
}

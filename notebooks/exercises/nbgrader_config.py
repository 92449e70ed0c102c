"""nbgrader's settings for this course; run nbgrader from this folder or from one that `tools/exercises.py` laid out."""

from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbgrader import preprocessors as steps

from titans_course.exercises.classroom import DropCopies, HideTests, NeedVerdict, RemoveShadows

c = get_config()  # noqa: F821 - nbgrader's
c.CourseDirectory.course_id = "titans-mini"
c.CourseDirectory.release_directory = "student"  # what `make exercises` writes
c.Execute.timeout = 30  # seconds of a cell; a call within a check has 5
c.OverwriteCells.add_missing_cells = True  # a test cell that a student deleted is graded all the same
c.IgnorePattern.enabled = True  # what goes to stderr costs nothing; errors still do
c.IgnorePattern.pattern = ".*"
# nbgrader's own steps in their order, with three of ours between them.
c.Autograde.sanitize_preprocessors = [
    steps.ClearOutput,
    DropCopies,
    steps.OverwriteKernelspec,
    steps.OverwriteCells,
    steps.CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    RemoveShadows,
    steps.Execute,
    NeedVerdict,
    steps.IgnorePattern,
    ClearMetadataPreprocessor,
    steps.LimitOutput,
    steps.SaveAutoGrades,
    steps.AssignLatePenalties,
    steps.CheckCellMetadata,
]
c.GenerateFeedback.preprocessors = [steps.GetGrades, HideTests, SanitizeHTML, CSSHTMLHeaderPreprocessor]
c.HTMLExporter.sanitize_html = True  # a feedback page shows what students wrote, without running it

"""nbgrader's settings for this course; run nbgrader from this folder or from one that `tools/exercises.py` laid out."""

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import GetGrades

from titans_mini.exercises.classroom import HideTests

c = get_config()  # noqa: F821 - nbgrader's
c.CourseDirectory.course_id = "titans-mini"
c.CourseDirectory.release_directory = "student"  # what `make exercises` writes
c.Execute.timeout = 30  # seconds of a cell; a call within a check has 5
c.OverwriteCells.add_missing_cells = True  # a test cell that a student deleted is graded all the same
c.IgnorePattern.enabled = True  # what goes to stderr costs nothing; errors still do
c.IgnorePattern.pattern = ".*"
c.GenerateFeedback.preprocessors = [GetGrades, HideTests, CSSHTMLHeaderPreprocessor]

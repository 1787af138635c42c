"""The charts of `lanefold study` and `lanefold plot`.  From the root of the sources:
python3 -m trainer.study study STUDY.json STUDY.html: the report of a study.
python3 -m trainer.study curves LOG PICTURE: a picture of a training."""

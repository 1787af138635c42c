"""The charts of the trainer are trainer.study."""

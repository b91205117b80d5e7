"""What users bring as text, read into the equations it stands for, and written again from what was
understood."""

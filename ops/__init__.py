"""What every service shows to those who operate it: health, metrics, logs. Imports nothing of ours."""

"""Who gets into the console, and who tries to."""

"""What `modeldata demo` runs: a real model service, and a look at its archive that uses nothing of ours."""

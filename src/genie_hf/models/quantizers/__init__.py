"""How latents become codes. A quantiser is a file with its configuration and its module, and a line in `registry`."""

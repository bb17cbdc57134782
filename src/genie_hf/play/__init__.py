"""Playing a world: the sampler that makes a frame, and the world that remembers, goes back, forks and is saved."""

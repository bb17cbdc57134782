"""Makes the environment known to Gymnasium."""

from gymnasium.envs.registration import register, registry

WORLD = "genie_hf/World-v0"
MAX_EPISODE_STEPS = 50  # learnt worlds drift

if WORLD not in registry:
    register(
        WORLD,
        entry_point="genie_hf.agents.env:GenieEnv",
        vector_entry_point="genie_hf.agents.vector_env:GenieVectorEnv",
        max_episode_steps=MAX_EPISODE_STEPS,
    )

"""Dying codes are easily overlooked, because the loss still falls: the log warns of them."""

import logging

LOWEST_USAGE = 0.7  # of a codebook
LOWEST_PERPLEXITY = 0.05  # of a codebook's size

logger = logging.getLogger(__name__)


def sound_alarm(line: dict, codebook_sizes: dict[str, int], alarmed: set[str]) -> None:
    """Warns when a codebook begins to die: codes out of use, or nearly all latents on a few of them."""
    for prefix, size in codebook_sizes.items():
        usage, perplexity = line[f"{prefix}usage"], line[f"{prefix}perplexity"]
        if usage >= LOWEST_USAGE and perplexity >= 1 + LOWEST_PERPLEXITY * size:
            alarmed.discard(prefix)
        elif prefix not in alarmed:
            alarmed.add(prefix)
            codes = f"{size} {prefix.replace('_', ' ')}codes"
            when = f"at step {line['step']} of stage {line['stage']}"
            if usage < LOWEST_USAGE:
                logger.warning(
                    "Codes are dying %s: %.0f%% of the %s are in use, perplexity %.2f.",
                    when,
                    100 * usage,
                    codes,
                    perplexity,
                )
            else:
                logger.warning(
                    "A few codes carry nearly everything %s: perplexity %.2f of the %s. Either the others are about "
                    "to die, or the video shows little else.",
                    when,
                    perplexity,
                    codes,
                )

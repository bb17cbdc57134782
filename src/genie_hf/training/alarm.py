"""Dying codes are easily overlooked, because the loss still falls: they raise an alarm in the log."""

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
            logger.warning(
                "Codes are dying at step %d of stage %s: %.0f%% of the %d %scodes are in use, perplexity %.2f.",
                line["step"],
                line["stage"],
                100 * usage,
                size,
                prefix.replace("_", " "),
                perplexity,
            )

"""A window that shows frames as they come."""

import numpy as np

HEIGHT = 512  # of the picture in it


class Window:
    """Opens with the first frame, and shows each one for as long as a frame of the world lasts.

    Args:
        fps: frames a second.

    Raises:
        ImportError: pygame is not installed.
    """

    def __init__(self, fps: float):
        try:
            import pygame
        except ImportError as error:
            raise ImportError('render_mode="human" needs pygame: run `pip install pygame`.') from error
        self.pygame, self.fps = pygame, fps
        self.clock = pygame.time.Clock()
        self.surface: pygame.Surface | None = None

    def show(self, frame: np.ndarray) -> None:
        """Shows a frame, uint8 of shape `(height, width, 3)`."""
        height, width = frame.shape[:2]
        size = HEIGHT * width // height, HEIGHT
        if self.surface is None:
            self.pygame.display.init()
            self.surface = self.pygame.display.set_mode(size)
            self.pygame.display.set_caption("genie_hf")
        picture = self.pygame.surfarray.make_surface(frame.swapaxes(0, 1))  # it has columns first
        self.surface.blit(self.pygame.transform.scale(picture, size), (0, 0))
        self.pygame.event.pump()
        self.pygame.display.flip()
        self.clock.tick(self.fps)

    def close(self) -> None:
        if self.surface is not None:
            self.pygame.display.quit()
            self.surface = None

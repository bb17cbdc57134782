// What each action would lead to, so that one sees what only this one changes.

const MIN_DIFFERENCE = 40; // of 765: by how much a pixel must be apart from the middle of all actions to stay bright

/** Dims, in place, the pixels in which a picture is as most others. Pictures are RGBA, four bytes a pixel. */
export function dimWhatIsCommon(pictures) {
  const middle = new Float32Array(pictures[0].length);
  for (let i = 0; i < middle.length; i++) {
    const values = pictures.map((picture) => picture[i]).sort((a, b) => a - b);
    middle[i] = values[values.length >> 1];
  }
  for (const picture of pictures) {
    for (let i = 0; i < picture.length; i += 4) {
      const difference = [0, 1, 2].reduce((sum, c) => sum + Math.abs(picture[i + c] - middle[i + c]), 0);
      if (difference >= MIN_DIFFERENCE) continue;
      const grey = 0.3 * picture[i] + 0.59 * picture[i + 1] + 0.11 * picture[i + 2];
      for (let c = 0; c < 3; c++) picture[i + c] = 0.45 * (0.6 * grey + 0.4 * picture[i + c]) + 45;
    }
  }
}

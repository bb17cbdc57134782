// The picture, and the numbers over it.

export class Screen {
  constructor(page, [height, width]) {
    this.page = page;
    Object.assign(page.view, { height, width });
    page.view.style.aspectRatio = `${width} / ${height}`;
    this.brush = page.view.getContext("2d");
    this.brush.imageSmoothingEnabled = false;
  }

  show({ frame }, latency) {
    const { view } = this.page;
    this.brush.drawImage(frame.picture, 0, 0);
    const rate = latency.rate(performance.now());
    const took = frame.depth && latency.total ? ` · ${Math.round(latency.total)} ms` : "";
    this.page.find(".hud").textContent = `frame ${frame.depth}${took}${rate ? ` · ${Math.round(rate)} fps` : ""}`;
    view.dataset.frame = frame.depth;
    view.dataset.number = frame.number;
    this.page.sayAtRest(frame.depth ? `At frame ${frame.depth}.` : "At the start.");
  }
}

// A graph on the screen: sigma draws it with WebGL, on a graphics card or on the processor.

import { h, show } from "./dom.js";
import { programs } from "./programs.js";

const SLOW = 12; // milliseconds: what takes longer to draw is drawn as lines while it moves

const REST = 150; // milliseconds without movement until all is drawn as it should be

const NARROW = 600; // pixels of a stage in which not all names have room

/** What an association takes to draw on a machine that was not measured yet, in milliseconds. */
const GUESSED = 0.02;

/** Of fewer associations the time cannot be told from that of the rest. */
const MEASURED = 500;

export const calm = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Put a graph up. `look(name, data, style)` gives what is drawn of a node; `on` has what is called: choose(name),
 * expand(name), drag(name, place).
 */
export function picture(graph, stage, { look, on }) {
  const style = (name) => getComputedStyle(stage).getPropertyValue(name).trim();
  let [moving, resting, cost] = [false, 0, GUESSED];
  let began = 0;
  let colours = null; // read when the stage is in the document

  const light = () => moving && graph.size * cost > SLOW;
  /** Something moves: what takes long is drawn as lines until it rests. */
  function moved() {
    moving = true;
    clearTimeout(resting);
    resting = setTimeout(rested, REST);
  }
  function rested() {
    const plain = light();
    moving = false;
    if (plain) placed();
  }
  /** Only places have changed. Graphology's events would have sigma read all nodes twice. */
  const placed = () => sigma.refresh({ partialGraph: {}, schedule: true });
  function settings() {
    return {
      allowInvalidContainer: true,
      ...programs(light),
      labelFont: "system-ui, sans-serif",
      labelSize: 13,
      labelRenderedSizeThreshold: 4,
      labelGridCellSize: 80,
      minEdgeThickness: 1.2,
      zIndex: true,
      defaultDrawNodeLabel: (context, data, given) => named(context, data, given, stage.clientWidth),
      defaultDrawNodeHover: (context, data, given) => hover(context, data, given, style, stage.clientWidth),
      nodeReducer(name, data) {
        colours ??= { line: style("--line"), node: style("--accent"), chosen: style("--accent-2"), text: style("--text") };
        return { ...data, labelColor: colours.text, ...look(name, data, colours) };
      },
    };
  }

  let sigma;
  try {
    sigma = new globalThis.Sigma(graph, stage, settings());
  } catch {
    show(stage, h("p", { class: "error" }, "This browser cannot draw with WebGL. The list has what would be drawn."));
    return { moved() {}, refresh() {}, placed() {}, repaint() {}, restyle() {}, crowd() {}, frame() {}, look() {}, fit() {}, end() {} };
  }

  const { edges } = sigma.getCanvases();
  const gl = edges.getContext("webgl2") ?? edges.getContext("webgl");
  sigma.on("beforeRender", () => { began = performance.now(); });
  sigma.on("afterRender", () => {
    if (moving || graph.size < MEASURED) return;
    // drawing goes on behind the script's back; a pixel is there when it has ended
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    cost = (performance.now() - began) / graph.size;
  });
  // what is pointed at is read back from the card, which waits for all that is drawn: not while something moves
  const [mouse, touch] = [sigma.getMouseCaptor(), sigma.getTouchCaptor()];
  for (const [captor, event] of [[mouse, "mousemove"], [touch, "touchmove"], [mouse, "wheel"]]) {
    const asked = captor.listeners(event);
    captor.removeAllListeners(event);
    captor.on(event, (given) => { if (!mouse.isMouseDown && !light()) for (const each of asked) each(given); });
  }

  /** Sigma keeps the name of the last node in the picture, also where the pointer has left it or the node has moved away. */
  const leave = () => { sigma.hoveredNode = null; stage.classList.remove("pointing"); };
  sigma.on("enterNode", () => stage.classList.add("pointing"));
  sigma.on("leaveNode", () => stage.classList.remove("pointing"));
  sigma.on("leaveStage", leave);
  sigma.getCamera().on("updated", () => { leave(); moved(); });

  let dragged = null;
  sigma.on("clickNode", ({ node }) => on.choose(node));
  sigma.on("doubleClickNode", ({ node, preventSigmaDefault }) => { preventSigmaDefault(); on.expand(node); });
  sigma.on("downNode", ({ node }) => { dragged = { node, moved: false }; });
  sigma.on("moveBody", ({ event }) => {
    if (!dragged) return;
    dragged.moved = true;
    frame(true);
    on.drag(dragged.node, sigma.viewportToGraph(event));
    moved();
    event.preventSigmaDefault();
    event.original.preventDefault();
  });
  const dropped = () => {
    if (dragged?.moved) on.choose(dragged.node);
    dragged = null;
  };
  sigma.on("upNode", dropped);
  sigma.on("upStage", dropped);

  /** Hold the frame of the picture where it is, whatever moves in it; or fit it to what there is again. */
  function frame(held) {
    if (!held) sigma.setCustomBBox(null);
    else if (!sigma.getCustomBBox()) sigma.setCustomBBox(sigma.getBBox());
  }

  return {
    moved,
    frame,
    refresh() { sigma.refresh({ schedule: true }); },
    placed,
    /** Only these have changed, and not in their places. */
    repaint(names, keys) { sigma.refresh({ partialGraph: { nodes: names, edges: keys }, skipIndexation: names.length === 0, schedule: true }); },
    /** All colours have changed; `refresh` draws them. */
    restyle() { colours = null; },
    crowd(crowded) { sigma.setSetting("labelDensity", crowded ? 0.4 : stage.clientWidth < NARROW ? 0.6 : 2); },
    look(name) {
      // what was to be drawn yet has no place in the frame before
      sigma.refresh();
      const at = sigma.getNodeDisplayData(name);
      if (at) sigma.getCamera().animate({ x: at.x, y: at.y, ratio: 0.5 }, { duration: calm.matches ? 0 : 300 });
    },
    fit() {
      frame(false);
      sigma.refresh({ schedule: true });
      sigma.getCamera().animatedReset({ duration: calm.matches ? 0 : 300 });
    },
    end() {
      clearTimeout(resting);
      sigma.kill();
    },
  };
}

/** Where the name of an entity begins: on its right, or on its left where it would be cut off. */
function beside(context, data, gap, room) {
  const width = context.measureText(data.label).width;
  const right = data.x + data.size + gap;
  return right + width + gap <= room || data.x - data.size - gap < width ? right : data.x - data.size - gap - width;
}

/** The name of an entity. */
function named(context, data, settings, room) {
  if (!data.label) return;
  context.font = `${settings.labelSize}px ${settings.labelFont}`;
  context.fillStyle = data.labelColor;
  context.fillText(data.label, beside(context, data, 3, room), data.y + settings.labelSize / 3);
}

/** The name of an entity that one points at, on a ground of its own. */
function hover(context, data, settings, style, room) {
  if (!data.label) return;
  context.font = `600 ${settings.labelSize}px ${settings.labelFont}`;
  const start = beside(context, data, 6, room);
  context.fillStyle = style("--card");
  context.strokeStyle = style("--line");
  context.beginPath();
  context.roundRect(start - 5, data.y - 11, context.measureText(data.label).width + 10, 22, 5);
  context.fill();
  context.stroke();
  context.fillStyle = style("--text");
  context.fillText(data.label, start, data.y + 4);
}

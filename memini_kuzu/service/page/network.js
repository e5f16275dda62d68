// The drawing of a graph: sigma draws with WebGL, d3-force finds the places.

import { h, show } from "./dom.js";
import { stateAt } from "./dynamics.js";

const { Graph } = globalThis.graphology;
const { d3, Sigma } = globalThis;

/** What part of the strongest has the thinnest line; all that is weaker too. */
const FAINT = 1e-3;

/** Lets sigma build its buffers anew, also for what is no longer hidden. */
const PROCESSED = { attributes: ["zIndex"] };

const FRAME = 10; // milliseconds of a frame for the layout

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

const RAMPS = { light: ["#7d99a6", "#c2571a"], dark: ["#54707c", "#ffa35c"] };

/** Colours from fresh to consolidated, in sixteen steps. */
function ramp() {
  const [from, to] = RAMPS[dark.matches ? "dark" : "light"].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 16 }, (_, step) => `#${from.map((value, part) => Math.round(value + ((to[part] - value) * step) / 15).toString(16).padStart(2, "0")).join("")}`);
}

export function canvas(stage, { centre, choose, expand }) {
  const style = (name) => getComputedStyle(stage).getPropertyValue(name).trim();
  const graph = new Graph({ type: "directed", multi: false });
  const nodes = new Map();
  const edges = new Map();
  const gone = new Set();
  let chosen = centre;
  let sought = "";
  let colours = ramp();
  let sigma = null;
  let states = new Map();

  const force = d3.forceSimulation([]).stop()
    .force("charge", d3.forceManyBody().strength(-90).theta(1).distanceMax(800))
    .force("link", d3.forceLink([]).id((each) => each.name).distance(60))
    .force("x", d3.forceX(0).strength(0.05))
    .force("y", d3.forceY(0).strength(0.05))
    .alphaDecay(0.035);

  let frame = 0;
  function layout() {
    cancelAnimationFrame(frame);
    if (calm.matches) {
      force.tick(200);
      placed();
      return;
    }
    const step = () => {
      const began = performance.now();
      do force.tick(); while (force.alpha() > force.alphaMin() && performance.now() - began < FRAME);
      placed();
      frame = force.alpha() > force.alphaMin() ? requestAnimationFrame(step) : 0;
    };
    frame = requestAnimationFrame(step);
  }
  function placed() {
    graph.updateEachNodeAttributes((name, attributes) => {
      const node = nodes.get(name);
      attributes.x = node.x;
      attributes.y = node.y;
      return attributes;
    }, { attributes: ["x", "y"] });
  }

  function replace(answers) {
    const before = new Set(nodes.keys());
    const kept = new Map();
    const wanted = new Map();
    for (const answer of answers) {
      const at = Date.parse(answer.now);
      for (const each of answer.entities) {
        if (!gone.has(each.name)) kept.set(each.name, Object.assign(nodes.get(each.name) ?? {}, each));
      }
      for (const each of answer.associations) {
        const [source, target] = [answer.entities[each.source].name, answer.entities[each.target].name];
        if (gone.has(source) || gone.has(target) || source === target) continue;
        wanted.set(`${source}\u0000${target}`, { ...each, from: source, to: target, at, spectrum: answer.spectrum });
      }
    }
    nodes.clear();
    edges.clear();
    graph.clear();
    // new ones begin beside what they are joined to
    for (const each of wanted.values()) {
      for (const [own, other] of [[each.from, each.to], [each.to, each.from]]) {
        const [node, near] = [kept.get(own), kept.get(other)];
        if (node.x === undefined && near.x !== undefined) {
          const angle = kept.size + own.length * 2.4 + own.charCodeAt(0);
          node.x = near.x + 30 * Math.cos(angle);
          node.y = near.y + 30 * Math.sin(angle);
        }
      }
    }
    for (const [name, node] of kept) {
      nodes.set(name, node);
    }
    force.nodes([...nodes.values()]);
    for (const [name, node] of nodes) {
      graph.addNode(name, { x: node.x, y: node.y, label: name, size: 4 });
    }
    for (const [key, each] of wanted) {
      edges.set(key, each);
      graph.addEdgeWithKey(key, each.from, each.to, { size: 1, color: colours[0] });
    }
    force.force("link").links([...edges.values()].map((each) => ({ source: each.from, target: each.to })));
    const fresh = [...nodes.keys()].some((name) => !before.has(name));
    if (fresh) {
      force.alpha(before.size ? 0.5 : 1);
      layout();
    }
    const crowded = nodes.size > 150;
    for (const name of nodes.keys()) graph.setNodeAttribute(name, "size", (crowded ? 2 : 4) + (crowded ? 1 : 1.6) * Math.log1p(graph.degree(name)));
    if (sigma === null) draw();
    else sigma.refresh();
    sigma.setSetting("labelDensity", crowded ? 0.4 : 2);
  }

  function draw() {
    try {
      sigma = new Sigma(graph, stage, settings());
    } catch (error) {
      // the list beside it has the same
      show(stage, h("p", { class: "error" }, `This browser cannot draw with WebGL: ${error.message}`));
      sigma = { refresh() {}, kill() {}, setSettings() {}, setSetting() {}, getCamera: () => ({ animatedReset() {}, animate() {} }), getNodeDisplayData: () => null };
      return;
    }
    let dragged = null;
    sigma.on("clickNode", ({ node }) => choose(node));
    sigma.on("doubleClickNode", ({ node, preventSigmaDefault }) => { preventSigmaDefault(); expand(node); });
    sigma.on("downNode", ({ node }) => { dragged = { node, moved: false }; if (!sigma.getCustomBBox()) sigma.setCustomBBox(sigma.getBBox()); });
    sigma.on("moveBody", ({ event }) => {
      if (!dragged) return;
      dragged.moved = true;
      const place = sigma.viewportToGraph(event);
      const node = nodes.get(dragged.node);
      Object.assign(node, { x: place.x, y: place.y, fx: place.x, fy: place.y });
      graph.mergeNodeAttributes(dragged.node, place);
      event.preventSigmaDefault();
      event.original.preventDefault();
    });
    const dropped = () => {
      if (dragged?.moved) choose(dragged.node);
      if (!dragged) return;
      dragged = null;
      sigma.setCustomBBox(null);
      sigma.refresh();
    };
    sigma.on("upNode", dropped);
    sigma.on("upStage", dropped);
  }

  function settings() {
    return {
      allowInvalidContainer: true,
      defaultEdgeType: "arrow",
      labelColor: { color: style("--text") },
      labelFont: "system-ui, sans-serif",
      labelSize: 13,
      labelRenderedSizeThreshold: 4,
      labelGridCellSize: 80,
      minEdgeThickness: 1.2,
      zIndex: true,
      defaultDrawNodeHover: (context, data, given) => hover(context, data, given, style),
      nodeReducer: (name, data) => {
        const faded = sought && !name.toLowerCase().includes(sought);
        const marked = name === chosen || (sought && !faded);
        return { ...data, color: faded ? style("--line") : name === chosen ? style("--accent-2") : style("--accent"), label: faded ? "" : data.label, forceLabel: marked, zIndex: marked ? 1 : 0, highlighted: false };
      },
    };
  }

  function recolour() {
    colours = ramp();
    sigma?.setSettings(settings());
    paint();
  }
  dark.addEventListener("change", recolour);

  function update(moment, hidden) {
    states = new Map();
    for (const [key, each] of edges) {
      const at = moment ?? each.at;
      const state = each.at === at ? [each.strength, each.consolidated] : stateAt(each, at, each.spectrum, each.at);
      const away = [each.from, each.to].some((name) => hidden.labels.has(nodes.get(name).label)) || (hidden.kind && !each.kinds.includes(hidden.kind));
      if (state !== null && !away && state[0] > 0) states.set(key, state);
    }
    paint();
  }

  function paint() {
    let [most, slowest] = [1e-300, 1e-300];
    for (const [fast, slow] of states.values()) {
      most = Math.max(most, fast);
      slowest = Math.max(slowest, slow);
    }
    const touched = new Set(centre === null ? [] : [centre]);
    graph.updateEachEdgeAttributes((key, attributes) => {
      const state = states.get(key);
      attributes.hidden = state === undefined;
      if (state === undefined) return attributes;
      const each = edges.get(key);
      touched.add(each.from).add(each.to);
      attributes.size = 1.2 + 5.8 * part(state[0], most) ** 1.5;
      attributes.color = colours[Math.round(15 * part(state[1], slowest))];
      return attributes;
    }, PROCESSED);
    graph.updateEachNodeAttributes((name, attributes) => {
      attributes.hidden = !touched.has(name);
      return attributes;
    }, PROCESSED);
  }

  return {
    nodes,
    edges,
    replace,
    update,
    /** The entities with an association that is drawn, those with most of them first. */
    shown() {
      const degree = new Map(centre === null ? [] : [[centre, Infinity]]);
      for (const key of states.keys()) {
        const { from, to } = edges.get(key);
        for (const name of [from, to]) degree.set(name, (degree.get(name) ?? 0) + 1);
      }
      return [...degree].filter(([name]) => nodes.has(name)).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => nodes.get(name));
    },
    /** What is drawn of an entity, the strongest first: [{name, out, state}]. */
    associationsOf(name) {
      const found = [];
      for (const [key, state] of states) {
        const { from, to } = edges.get(key);
        if (from === name) found.push({ name: to, out: true, state });
        else if (to === name) found.push({ name: from, out: false, state });
      }
      return found.sort((a, b) => b.state[0] - a.state[0]);
    },
    select(name) { chosen = name; sigma?.refresh(); },
    find(text) { sought = text; sigma?.refresh(); },
    look(name) {
      const at = sigma?.getNodeDisplayData(name);
      if (at) sigma.getCamera().animate({ x: at.x, y: at.y, ratio: 0.5 }, { duration: calm.matches ? 0 : 300 });
    },
    fit() { sigma?.getCamera().animatedReset({ duration: calm.matches ? 0 : 300 }); },
    pin(name, on) {
      const node = nodes.get(name);
      Object.assign(node, on ? { fx: node.x, fy: node.y } : { fx: null, fy: null });
    },
    hide(name) {
      gone.add(name);
      nodes.delete(name);
      for (const [key, each] of edges) {
        if (each.from === name || each.to === name) edges.delete(key);
      }
      graph.dropNode(name);
      force.nodes([...nodes.values()]);
      force.force("link").links([...edges.values()].map((each) => ({ source: each.from, target: each.to })));
    },
    end() {
      cancelAnimationFrame(frame);
      dark.removeEventListener("change", recolour);
      sigma?.kill();
    },
  };
}

/** Where a value stands between a thousandth of the largest and the largest, on a logarithmic scale: 0 to 1. */
const part = (value, largest) => Math.max(0, Math.min(1, 1 - Math.log(value / largest) / Math.log(FAINT)));

/** The name of an entity that one points at, on a ground of its own. */
function hover(context, data, settings, style) {
  if (!data.label) return;
  context.font = `600 ${settings.labelSize}px ${settings.labelFont}`;
  const width = context.measureText(data.label).width + 10;
  context.fillStyle = style("--card");
  context.strokeStyle = style("--line");
  context.beginPath();
  context.roundRect(data.x + data.size + 1, data.y - 11, width, 22, 5);
  context.fill();
  context.stroke();
  context.fillStyle = style("--text");
  context.fillText(data.label, data.x + data.size + 6, data.y + 4);
}

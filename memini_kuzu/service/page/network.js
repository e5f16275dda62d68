// A graph of associations at any moment: what of it is shown and how, and where; d3-force finds the places.

import { course } from "./dynamics.js";
import { calm, picture } from "./picture.js";

const { Graph } = globalThis.graphology;
const { d3 } = globalThis;

/** What part of the strongest has the thinnest line; all that is weaker too. */
const FAINT = 1e-3;

const LAYOUT = 4; // milliseconds of a frame for the layout

const dark = matchMedia("(prefers-color-scheme: dark)");

const RAMPS = { light: ["#7d99a6", "#c2571a"], dark: ["#7a99a6", "#ffa35c"] };

/** Colours from fresh to consolidated, in sixteen steps. */
function ramp() {
  const [from, to] = RAMPS[dark.matches ? "dark" : "light"].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 16 }, (_, step) => `#${from.map((value, part) => Math.round(value + ((to[part] - value) * step) / 15).toString(16).padStart(2, "0")).join("")}`);
}

export function canvas(stage, { centre, choose, expand }) {
  const graph = new Graph({ type: "directed", multi: false });
  const nodes = new Map();
  let held = []; // the associations: what the server said of each, and what of it is shown
  let through = null; // how they go through time
  const gone = new Set();
  let chosen = centre;
  let sought = "";
  let colours = ramp();
  let changed = false; // whether there are other entities and associations than are drawn

  const force = d3.forceSimulation([]).stop()
    .force("charge", d3.forceManyBody().strength(-90).distanceMax(800))
    .force("link", d3.forceLink([]).id((each) => each.name).distance(60))
    .force("x", d3.forceX(0).strength(0.05))
    .force("y", d3.forceY(0).strength(0.05));

  let frame = 0;
  function layout() {
    cancelAnimationFrame(frame);
    let unseen = false;
    const step = () => {
      const began = performance.now();
      do force.tick(); while (force.alpha() > force.alphaMin() && performance.now() - began < LAYOUT);
      const goes = force.alpha() > force.alphaMin();
      // where the places of one step take all of the time, only those of every second one are shown
      unseen = goes && (calm.matches || (!unseen && performance.now() - began > LAYOUT + 1));
      if (!unseen) placed();
      frame = goes ? requestAnimationFrame(step) : 0;
    };
    frame = requestAnimationFrame(step);
  }
  function placed() {
    for (const { attributes, x, y } of nodes.values()) Object.assign(attributes, { x, y });
    drawn.moved();
    drawn.placed();
  }

  function hold(associations) {
    held = associations;
    through = null;
    force.force("link").links(held.map((each) => ({ source: each.from, target: each.to })));
  }

  /** Take other answers of the server; `update` draws them. */
  function replace(answers) {
    if (centre !== null) {
      // asked for by an alias or in other letters; what is drawn has its own name
      const own = answers[0].entities[0].name;
      if (chosen === centre) chosen = own;
      centre = own;
    }
    const before = new Set(nodes.keys());
    const kept = new Map();
    const wanted = new Map();
    for (const answer of answers) {
      const at = Date.parse(answer.now);
      const keep = (place) => {
        const each = answer.entities[place];
        kept.set(each.name, Object.assign(nodes.get(each.name) ?? {}, each));
      };
      if (answer === answers[0] && centre !== null && !gone.has(centre)) keep(0);
      for (const each of answer.associations) {
        const [source, target] = [answer.entities[each.source].name, answer.entities[each.target].name];
        const key = `${source}\u0000${target}`;
        if (gone.has(source) || gone.has(target) || source === target || wanted.has(key)) continue;
        keep(each.source);
        keep(each.target);
        wanted.set(key, { ...each, key, from: source, to: target, at, spectrum: answer.spectrum });
      }
    }
    nodes.clear();
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
    const crowded = nodes.size > 150;
    // the more there are, the less the place of one matters
    force.force("charge").theta(crowded ? 1.2 : 1);
    force.alphaDecay(crowded ? 0.05 : 0.035);
    const degree = new Map();
    for (const { from, to } of wanted.values()) for (const name of [from, to]) degree.set(name, (degree.get(name) ?? 0) + 1);
    for (const [name, node] of nodes) {
      const size = (crowded ? 2 : 4) + (crowded ? 1 : 1.6) * Math.log1p(degree.get(name) ?? 0);
      node.attributes = { x: node.x, y: node.y, label: name, size, hidden: true };
      graph.addNode(name, node.attributes);
    }
    for (const each of wanted.values()) {
      each.attributes = { size: 1, color: colours[0], hidden: true };
      graph.addEdgeWithKey(each.key, each.from, each.to, each.attributes);
    }
    hold([...wanted.values()]);
    drawn.crowd(crowded);
    if ([...nodes.keys()].some((name) => !before.has(name))) {
      drawn.frame(false);
      force.alpha(before.size ? 0.5 : 1);
      layout();
    }
    changed = true;
  }

  function recolour() {
    colours = ramp();
    drawn.restyle();
    changed = true;
    paint();
  }
  const drawn = picture(graph, stage, {
    look(name, data, style) {
      const faded = sought && !name.toLowerCase().includes(sought);
      const marked = name === chosen || (sought && !faded);
      const color = faded ? style.line : name === chosen ? style.chosen : style.node;
      return { color, label: faded ? "" : data.label, forceLabel: marked, zIndex: marked ? 1 : 0, highlighted: false };
    },
    on: {
      choose,
      expand,
      drag(name, { x, y }) {
        Object.assign(nodes.get(name), { x, y, fx: x, fy: y });
        Object.assign(graph.getNodeAttributes(name), { x, y });
        drawn.placed();
      },
    },
  });
  dark.addEventListener("change", recolour);

  /** Show a moment; null for the one that was asked for. */
  function update(moment, hidden) {
    if (through === null || through.kind !== hidden.kind) {
      const asked = held.map((each) => each.at);
      through = { kind: hidden.kind, asked: Math.max(0, ...asked), at: course(held, held[0]?.spectrum, asked, hidden.kind) };
    }
    const { fast, slow } = through.at(moment ?? through.asked);
    const away = new Set();
    for (const node of nodes.values()) if (hidden.labels.has(node.label)) away.add(node.name);
    held.forEach((each, place) => {
      each.fast = fast[place];
      each.slow = slow[place];
      each.shown = fast[place] > 0 && !away.has(each.from) && !away.has(each.to) && (!hidden.kind || each.kinds.includes(hidden.kind));
    });
    drawn.moved();
    paint();
  }

  /** Give all that is shown its width and colour; sigma is told of what has changed. */
  function paint() {
    let [most, slowest] = [1e-300, 1e-300];
    for (const { shown, fast, slow } of held) {
      if (!shown) continue;
      most = Math.max(most, fast);
      slowest = Math.max(slowest, slow);
    }
    const touched = new Set(centre === null ? [] : [centre]);
    const [names, keys] = [[], []];
    for (const { shown, from, to, fast, slow, key, attributes } of held) {
      if (!shown && attributes.hidden) continue;
      let { size, color } = attributes;
      if (shown) {
        touched.add(from).add(to);
        // in eighths of a pixel, so that what changes less is left as it is
        size = Math.round(8 * (1.2 + 5.8 * part(fast, most) ** 1.5)) / 8;
        color = colours[Math.round(15 * part(slow, slowest))];
      }
      if (attributes.hidden === !shown && attributes.size === size && attributes.color === color) continue;
      Object.assign(attributes, { hidden: !shown, size, color });
      keys.push(key);
    }
    for (const { name, attributes } of nodes.values()) {
      if (attributes.hidden === !touched.has(name)) continue;
      attributes.hidden = !touched.has(name);
      names.push(name);
    }
    if (changed) drawn.refresh();
    else drawn.repaint(names, keys);
    changed = false;
  }

  return {
    nodes,
    associations: () => held,
    replace,
    update,
    /** The entities with an association that is drawn, those with most of them first. */
    shown() {
      const degree = new Map(centre === null ? [] : [[centre, Infinity]]);
      for (const { shown, from, to } of held) {
        if (!shown) continue;
        for (const name of [from, to]) degree.set(name, (degree.get(name) ?? 0) + 1);
      }
      return [...degree].filter(([name]) => nodes.has(name)).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => nodes.get(name));
    },
    /** What is drawn of an entity, the strongest first: [{name, out, state}]. */
    associationsOf(name) {
      const own = held.filter((each) => each.shown && (each.from === name || each.to === name)).sort((a, b) => b.fast - a.fast);
      return own.map((each) => ({ name: each.from === name ? each.to : each.from, out: each.from === name, state: [each.fast, each.slow] }));
    },
    select(name) { chosen = name; drawn.refresh(); },
    find(text) { sought = text; drawn.refresh(); },
    look: drawn.look,
    fit: drawn.fit,
    pin(name, on) {
      const node = nodes.get(name);
      Object.assign(node, on ? { fx: node.x, fy: node.y } : { fx: null, fy: null });
    },
    hide(name) {
      gone.add(name);
      nodes.delete(name);
      graph.dropNode(name);
      force.nodes([...nodes.values()]);
      hold(held.filter((each) => each.from !== name && each.to !== name));
    },
    end() {
      cancelAnimationFrame(frame);
      dark.removeEventListener("change", recolour);
      drawn.end();
    },
  };
}

/** Where a value stands between a thousandth of the largest and the largest, on a logarithmic scale: 0 to 1. */
const part = (value, largest) => Math.max(0, Math.min(1, 1 - Math.log(value / largest) / Math.log(FAINT)));

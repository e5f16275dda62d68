// What sigma draws entities and associations with: discs and arrows; while a large graph moves points and thin lines,
// which are there in time also where the processor has to draw them.

/** Lines that cover what is below, which spares the blending. */
const covering = (Program) => class extends Program {
  renderProgram(given, info) {
    info.gl.disable(info.gl.BLEND);
    info.gl.useProgram(info.program);
    this.setUniforms(given, info);
    this.drawWebGL(this.METHOD, info);
  }
};

/** One of two programs. The plain one is always filled; the whole one not while it is not drawn, so that it has to be before it is. */
const either = (light, whole, plain) => ({
  reallocate(count) { whole.reallocate(count); plain.reallocate(count); },
  process(...given) {
    plain.process(...given);
    if (!light()) whole.process(...given);
  },
  render(given) { (light() ? plain : whole).render(given); },
  kill() { whole.kill(); plain.kill(); },
});

/** The settings of sigma for it: plain as long as `light()` says so. */
export function programs(light) {
  // not before it is drawn: where there is no WebGL there is no sigma
  const { EdgeArrowProgram, EdgeLineProgram, NodeCircleProgram, NodePointProgram } = globalThis.Sigma.rendering;
  const Lines = covering(EdgeLineProgram);
  return {
    defaultNodeType: "entity",
    defaultEdgeType: "association",
    nodeProgramClasses: {
      entity: function Entity(gl, picking, renderer) {
        return either(light, new NodeCircleProgram(gl, picking, renderer), new NodePointProgram(gl, null, renderer));
      },
    },
    nodeHoverProgramClasses: { entity: NodeCircleProgram },
    edgeProgramClasses: {
      // nobody points at associations, so that they need not be found by a pixel
      association: function Association(gl, _, renderer) {
        return either(light, new EdgeArrowProgram(gl, null, renderer), new Lines(gl, null, renderer));
      },
    },
  };
}

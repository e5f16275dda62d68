// The closed form of the dynamics, as memini_kuzu/dynamics/propagation.py has it: an association is the sum of the
// responses to its events, at any moment.

export const DAY = 86_400_000;

/**
 * How associations go through time: a function of a moment that gives, of each, strength (w_f) and consolidation
 * (w_s), as two Float64Arrays; NaN where they cannot be known.
 *
 * `asked` has the moment of each for which the server gave its state; `kind` selects the events of one kind, where the
 * events are known. The state after each event is computed once, so that no moment asks for all events again.
 */
export function course(associations, spectrum, asked, kind = "") {
  const [begin, time, fast, slow] = folded(associations, spectrum, kind);
  const now = { fast: new Float64Array(associations.length), slow: new Float64Array(associations.length) };
  return (moment) => {
    associations.forEach((each, place) => {
      let [f, s] = [0, 0];
      if (each.time === null) {
        if (moment < asked[place]) [f, s] = [NaN, NaN];
        else [f, s] = propagated(each.strength, each.consolidated, (moment - asked[place]) / DAY, spectrum);
      } else {
        const last = countUntil(time, moment, begin[place], begin[place + 1]) - 1;
        if (last >= begin[place]) [f, s] = propagated(fast[last], slow[last], (moment - time[last]) / DAY, spectrum);
      }
      now.fast[place] = f;
      now.slow[place] = s;
    });
    return now;
  };
}

/** The first place from `low` to `high` whose time is after a moment; times ascend. */
export function countUntil(time, moment, low = 0, high = time.length) {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (time[middle] <= moment) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** All events one after the other, the state after each, and where those of each association begin. */
function folded(associations, spectrum, wanted) {
  const begin = [0];
  const columns = [[], [], []];
  for (const { time, amount, kinds, kind } of associations) {
    let [fast, slow, before] = [0, 0, null];
    (time ?? []).forEach((at, number) => {
      if (wanted && kinds[kind[number]] !== wanted) return;
      if (before !== null) [fast, slow] = propagated(fast, slow, (at - before) / DAY, spectrum);
      fast += amount[number];
      before = at;
      [at, fast, slow].forEach((value, column) => columns[column].push(value));
    });
    begin.push(columns[0].length);
  }
  return [begin, ...columns.map((column) => Float64Array.from(column))];
}

function propagated(fast, slow, days, spectrum) {
  const slowMode = Math.exp(-spectrum.rate_slow * days);
  const fastMode = Math.exp(-spectrum.rate_fast * days);
  const transfer = slowMode * -Math.expm1(-spectrum.gap * days);
  return [
    (spectrum.share_slow * slowMode + spectrum.share_fast * fastMode) * fast + spectrum.exchange * transfer * slow,
    (slowMode - spectrum.share_slow * transfer) * slow + spectrum.feed * transfer * fast,
  ];
}

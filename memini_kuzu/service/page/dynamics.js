// The closed form of the dynamics, as memini_kuzu/dynamics/propagation.py has it: an association is the sum of the
// responses to its events, at any moment.

export const DAY = 86_400_000;

/** Strength (w_f) and consolidation (w_s) of an association at a moment; null where they cannot be known. */
export function stateAt(association, moment, spectrum, asked) {
  if (association.time === null) {
    if (moment < asked) return null;
    return propagated(association.strength, association.consolidated, (moment - asked) / DAY, spectrum);
  }
  let fast = 0;
  let slow = 0;
  for (let number = 0; number < association.time.length; number += 1) {
    const time = association.time[number];
    if (time > moment) break;
    const days = (moment - time) / DAY;
    const slowMode = Math.exp(-spectrum.rate_slow * days);
    const fastMode = Math.exp(-spectrum.rate_fast * days);
    const transfer = slowMode * -Math.expm1(-spectrum.gap * days);
    fast += association.amount[number] * (spectrum.share_slow * slowMode + spectrum.share_fast * fastMode);
    slow += association.amount[number] * spectrum.feed * transfer;
  }
  return [fast, slow];
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

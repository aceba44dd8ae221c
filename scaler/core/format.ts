/** A share as people read it; of a quantile such as 0.999 no digit is lost. */
export function percent(share: number): string {
  return `${share > 0.99 && share < 1 ? Number((share * 100).toPrecision(6)) : Math.round(share * 100)} %`;
}

/** Seconds as people read a latency. */
export function milliseconds(seconds: number): string {
  return `${round(seconds * 1000)} ms`;
}

/** A measured number with as many digits as mean something to people. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

export function count(amount: number, thing: string): string {
  return `${amount} ${thing}${amount === 1 ? '' : 's'}`;
}

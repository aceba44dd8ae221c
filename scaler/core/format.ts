/** A share as people read it. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** A measured number with as many digits as mean something to people. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

export function count(amount: number, thing: string): string {
  return `${amount} ${thing}${amount === 1 ? '' : 's'}`;
}

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A Kubernetes quantity as a number: `200m` is 0.2, `1Ki` is 1024. The text has been validated before. */
export function parseQuantity(text: string): number {
  const [, amount, suffix] = /^([\d.]+)(\D*)$/.exec(text)!;
  return Number(amount) * (suffix ? SUFFIXES[suffix]! : 1);
}

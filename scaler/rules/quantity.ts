const SUFFIX: Record<string, number> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** The number that a Kubernetes quantity of valid shape stands for: `500m` is 0.5. */
export function parseQuantity(quantity: number | string): number {
  if (typeof quantity === 'number') return quantity;
  const amount = parseFloat(quantity);
  return amount * SUFFIX[quantity.replace(/^[\d.]+/, '')]!;
}

const SPAN = 3600;
export const [WIDTH, HEIGHT] = [96, 20];

/** Points of a step line over the last hour. @param steps times and replicas in turn @param now seconds */
export function stepLine(steps: readonly number[], now: number): string {
  const values = steps.filter((_, index) => index % 2 === 1);
  const top = Math.max(...values, 1);
  const x = (time: number) => round(Math.max(0, Math.min(1, 1 - (now - time) / SPAN)) * WIDTH);
  const y = (value: number) => round(HEIGHT - 1 - (value / top) * (HEIGHT - 2));
  const points = values.flatMap((value, index) => {
    const end = steps[2 * index + 2] ?? now;
    return [`${x(steps[2 * index]!)},${y(value)}`, `${x(end)},${y(value)}`];
  });
  return points.join(' ');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

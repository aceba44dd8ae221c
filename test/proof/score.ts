/** One value a second, from the start of a scenario on. */
export type Series = readonly number[];

/** What happened to a service in a run. */
export interface ServiceRun {
  /** `spec.replicas`. */
  readonly ordered: Series;
  /** Pods that it needs at its target, not rounded: load × cost ÷ (target × request). */
  readonly need: Series;
  /** Pods that it may have beyond that, for a reason that is not CPU: behind a lock, or for its threads. */
  readonly may: number;
}

export interface Run {
  /** The services that the controller scales. */
  readonly services: ReadonlyMap<string, ServiceRun>;
  /** 1 for a second in which the entry missed its objective. */
  readonly bad: Series;
  /** Second from which the run counts: before it everything starts up and is learnt. */
  readonly from: number;
}

export interface Score {
  readonly badSeconds: number;
  readonly replicaSeconds: number;
  /** Orders that grow what needs no more, or shrink what is needed. */
  readonly wrongTarget: number;
  /** Longest time for which a service had fewer pods ordered than it needed. */
  readonly rightSizeSeconds: number;
  /** Largest order over the need; 1 for orders of at most one pod more than needed. */
  readonly overshoot: number;
  /** Orders that undo the one before, though the need did not change that way. */
  readonly reversals: number;
}

export interface Row extends Score {
  readonly scenario: string;
  readonly controller: string;
}

/** HPA's tolerance: so much less than the need is no lack. */
const TOLERANCE = 1.1;
/** An order beyond need × 1.15 + 1 is one for something that does not need it. */
const SLACK = 1.15;
/** An order is held against all that was needed in so many seconds before it: nobody measures faster. */
const MEMORY = 60;

export function score({ services, bad, from }: Run): Score {
  const runs = [...services.values()].map((service) => scoreService(service, from));
  return {
    badSeconds: sum(bad.slice(from)),
    replicaSeconds: sum(runs.map(({ replicaSeconds }) => replicaSeconds)),
    wrongTarget: sum(runs.map(({ wrongTarget }) => wrongTarget)),
    rightSizeSeconds: Math.max(0, ...runs.map(({ rightSizeSeconds }) => rightSizeSeconds)),
    overshoot: Math.max(1, ...runs.map(({ overshoot }) => overshoot)),
    reversals: sum(runs.map(({ reversals }) => reversals)),
  };
}

function scoreService(service: ServiceRun, from: number): Omit<Score, 'badSeconds'> {
  const orders = ordersOf(service, from);
  return {
    replicaSeconds: sum(service.ordered.slice(from)),
    wrongTarget: orders.filter(isWrong).length,
    rightSizeSeconds: longestLack(service, from),
    overshoot: Math.max(1, ...orders.map(overshootOf)),
    reversals: orders.filter((order, index) => index > 0 && undoes(order, orders[index - 1]!)).length,
  };
}

/** A change of the replicas, with the least and the most that was needed lately. */
interface Order {
  readonly from: number;
  readonly to: number;
  readonly least: number;
  readonly most: number;
}

function ordersOf(service: ServiceRun, from: number): Order[] {
  const orders: Order[] = [];
  for (let at = Math.max(1, from); at < service.ordered.length; at++) {
    if (service.ordered[at] !== service.ordered[at - 1]) orders.push(orderAt(service, at));
  }
  return orders;
}

export function orderAt({ ordered, need, may }: ServiceRun, at: number): Order {
  const recent = need.slice(Math.max(0, at - MEMORY), at + 1);
  const most = Math.max(may, ...recent);
  return { from: ordered[at - 1]!, to: ordered[at]!, least: Math.min(...recent), most };
}

export function isWrong({ from, to, least, most }: Order): boolean {
  return to > from ? to > Math.ceil(most) * SLACK + 1 : to < atLeast(least);
}

function overshootOf({ from, to, most }: Order): number {
  const need = Math.ceil(most);
  return to > from && to > need + 1 ? to / need : 1;
}

function undoes(order: Order, before: Order): boolean {
  const isUp = order.to > order.from;
  if (isUp === before.to > before.from) return false;
  return isUp
    ? Math.ceil(order.most) <= Math.ceil(before.least)
    : Math.ceil(order.least) >= Math.ceil(before.most);
}

function longestLack({ ordered, need }: ServiceRun, from: number): number {
  let [longest, lasting] = [0, 0];
  for (let at = from; at < ordered.length; at++) {
    lasting = ordered[at]! < atLeast(need[at]!) ? lasting + 1 : 0;
    longest = Math.max(longest, lasting);
  }
  return longest;
}

/** Least number of pods that counts as enough. */
export function atLeast(need: number): number {
  return Math.ceil(need / TOLERANCE - 1e-9);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

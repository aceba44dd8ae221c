import type { Pod } from './pod.js';

/** Cores that a pod gets at least. */
const LEAST_SHARE = 1e-3;

class Node {
  readonly pods: Pod[] = [];
  requested = 0;
  #isContended = false;

  constructor(readonly cores: number) {}

  /** Shares the cores: all get what they want, or else in proportion to their requests (CFS shares). */
  share(neighbours: number, now: number): void {
    let wanted = neighbours;
    for (const { cpu } of this.pods) wanted += cpu.wanted;
    const isContended = wanted > this.cores;
    if (!isContended && !this.#isContended) return;
    this.#isContended = isContended;
    const { left, weight } = isContended ? this.#level(neighbours) : { left: Infinity, weight: 1 };
    for (const { cpu, work } of this.pods) {
      const share = Math.max(LEAST_SHARE, (left * work.model.request) / weight);
      cpu.grant(Math.min(this.cores, work.cores, share), now);
    }
  }

  /** Fills up those that want little; the others share what is `left` by the sum of their `weight`. */
  #level(neighbours: number): { left: number; weight: number } {
    const wants = this.pods.map(({ cpu, work }) => ({ wanted: cpu.wanted, weight: work.model.request }));
    if (neighbours > 0) wants.push({ wanted: neighbours, weight: neighbours });
    wants.sort((a, b) => a.wanted / a.weight - b.wanted / b.weight);
    let left = this.cores;
    let weight = wants.reduce((sum, want) => sum + want.weight, 0);
    for (const want of wants) {
      if (want.wanted / want.weight > left / weight) break;
      left -= want.wanted;
      weight -= want.weight;
    }
    return { left, weight };
  }
}

/** The machines that pods run on, where a scenario gives some. */
export class Nodes {
  readonly #nodes: Node[];
  /** Cores that others want on every node. */
  #neighbours = 0;
  isFull = false;

  constructor({ count, cores }: { readonly count: number; readonly cores: number }) {
    this.#nodes = Array.from({ length: count }, () => new Node(cores));
  }

  /** Finds the node with most room. @returns false if the request fits nowhere */
  place(pod: Pod, now: number): boolean {
    const { request } = pod.work.model;
    const [node] = this.#nodes.toSorted((a, b) => a.requested - b.requested);
    if (this.isFull || !node || node.requested + request > node.cores + 1e-9) return false;
    node.requested += request;
    node.pods.push(pod);
    pod.cpu.grant(Math.min(node.cores, pod.work.cores), now);
    pod.cpu.onWant = (at) => {
      node.share(this.#neighbours, at);
    };
    return true;
  }

  remove(pod: Pod): void {
    const node = this.#nodes.find(({ pods }) => pods.includes(pod));
    if (!node) return;
    node.requested -= pod.work.model.request;
    node.pods.splice(node.pods.indexOf(pod), 1);
  }

  crowd(neighbours: number, now: number): void {
    this.#neighbours = neighbours;
    for (const node of this.#nodes) node.share(neighbours, now);
  }
}

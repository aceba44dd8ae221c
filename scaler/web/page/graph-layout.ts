import dagre from '@dagrejs/dagre';
import type { WaitEdge } from '../row.js';
import { shortName } from './words.js';

/** Workloads of one drawing; more cannot be told apart. */
const MAX_NODES = 120;
const NODE_HEIGHT = 32;
const LETTER_WIDTH = 8;
const PADDING = 24;
const MAX_STROKE = 8;

export interface GraphNode {
  readonly key: string;
  readonly label: string;
  /** Centre and size. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface GraphEdge extends WaitEdge {
  /** SVG path. */
  readonly path: string;
  readonly stroke: number;
  /** True on the way from a waiter to its bottleneck. */
  readonly isWalked: boolean;
}

export interface Graph {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Edges that are not drawn, because others wait for longer. */
  readonly leftOut: number;
}

/** @param walks workload keys, each from a waiter to its bottleneck */
export function layout(edges: readonly WaitEdge[], walks: readonly (readonly string[])[]): Graph {
  const walked = new Set(walks.flatMap((walk) => walk.slice(1).map((to, index) => `${walk[index]!} ${to}`)));
  const isWalked = ({ from, to }: WaitEdge) => walked.has(`${from} ${to}`);
  const shown = mostWaiting(edges, isWalked);
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 70, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { from, to } of shown) {
    for (const key of [from, to]) {
      const width = shortName(key).length * LETTER_WIDTH + PADDING;
      graph.setNode(key, { width, height: NODE_HEIGHT });
    }
    graph.setEdge(from, to);
  }
  dagre.layout(graph);
  const most = Math.max(...shown.map(({ waiting }) => waiting), 1e-9);
  const { width = 0, height = 0 } = graph.graph();
  return {
    ...{ width, height, leftOut: edges.length - shown.length },
    nodes: graph.nodes().map((key) => ({ ...graph.node(key), key, label: shortName(key) })),
    edges: shown.map((edge) => ({
      ...edge,
      path: pathOf(graph.edge(edge.from, edge.to).points),
      stroke: 1 + (MAX_STROKE - 1) * Math.sqrt(edge.waiting / most),
      isWalked: isWalked(edge),
    })),
  };
}

/** Walked edges and those with most requests that wait, as long as their workloads have room. */
function mostWaiting(edges: readonly WaitEdge[], isFirst: (edge: WaitEdge) => boolean): WaitEdge[] {
  const nodes = new Set<string>();
  const ranked = edges.toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a)) || b.waiting - a.waiting);
  return ranked.filter(({ from, to }) => {
    const added = [from, to].filter((key) => !nodes.has(key));
    if (nodes.size + added.length > MAX_NODES) return false;
    for (const key of added) nodes.add(key);
    return true;
  });
}

function pathOf(points: readonly { readonly x: number; readonly y: number }[]): string {
  return points
    .map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${Math.round(x)},${Math.round(y)}`)
    .join(' ');
}

import { html } from 'htm/preact';
import { useMemo } from 'preact/hooks';
import type { WaitEdge } from '../row.js';
import { workloadAddress } from './address.js';
import { useAnswer } from './answer.js';
import { layout, type Graph, type GraphEdge, type GraphNode } from './graph-layout.js';
import { isHarmed } from './selection.js';
import type { Store } from './store.js';
import { figure, harmText, shortName } from './words.js';

interface Answered {
  readonly edges: readonly WaitEdge[];
  readonly walks: readonly (readonly string[])[];
}

/** Who waits on whom. */
export function GraphPage({ store }: { readonly store: Store }) {
  const { value, error } = useAnswer<Answered>('api/v1/graph', store.rounds);
  const graph = useMemo(() => value && layout(value.edges, value.walks), [value]);
  const harms = new Map([...store.workloads.values()].map(({ key, harm }) => [key, harm]));
  if (error) return html`<p class="notice bad">The graph cannot be shown: ${error}</p>`;
  if (!graph) return html`<p class="empty">Loading …</p>`;
  if (graph.edges.length === 0) {
    return html`<p class="empty">No workload has called another within the last window.</p>`;
  }
  return html`
    <p class="quiet">
      An arrow leads from who waits to whom it waits for; the wider, the more requests wait at once. Harmed
      workloads are filled, and the way to a bottleneck is dashed.
      ${graph.leftOut > 0 && ` ${graph.leftOut} edges with fewer requests that wait are left out.`}
    </p>
    <div class="graph" tabindex="0" role="region" aria-label="Drawing of who waits on whom">
      <${Drawing} graph=${graph} harms=${harms} />
    </div>
    <${EdgeTable} edges=${graph.edges} harms=${harms} />
  `;
}

interface DrawingProps {
  readonly graph: Graph;
  readonly harms: ReadonlyMap<string, string>;
}

function Drawing({ graph, harms }: DrawingProps) {
  const { width, height, nodes, edges } = graph;
  return html`
    <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}">
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerUnits="userSpaceOnUse"
          markerWidth="12"
          markerHeight="12"
          orient="auto"
        >
          <path d="M0,0 L8,4 L0,8 z" />
        </marker>
      </defs>
      ${edges.map(
        (edge) => html`
          <path
            class=${edge.isWalked ? 'edge walked' : 'edge'}
            d=${edge.path}
            stroke-width=${edge.stroke}
            marker-end="url(#arrow)"
          >
            <title>${edgeText(edge)}</title>
          </path>
        `,
      )}
      ${nodes.map((node) => html`<${Node} node=${node} harm=${harms.get(node.key)} />`)}
    </svg>
  `;
}

function Node({ node, harm }: { readonly node: GraphNode; readonly harm: string | undefined }) {
  const { key, label, x, y, width, height } = node;
  const box = html`
    <rect x=${x - width / 2} y=${y - height / 2} width=${width} height=${height} rx="6" />
    <text x=${x} y=${y} text-anchor="middle" dominant-baseline="central">${label}</text>
  `;
  // A peer that no rule scales has no page.
  if (harm === undefined) return html`<g class="node unknown">${box}</g>`;
  const text = [label, harmText(harm)].filter(Boolean).join(', ');
  return html`
    <a href=${workloadAddress(key)} aria-label=${text} class=${isHarmed(harm) ? 'node harmed' : 'node'}>
      <title>${text}</title>
      ${box}
    </a>
  `;
}

interface EdgeTableProps {
  readonly edges: readonly GraphEdge[];
  readonly harms: ReadonlyMap<string, string>;
}

function EdgeTable({ edges, harms }: EdgeTableProps) {
  const name = (key: string) =>
    harms.has(key) ? html`<a href=${workloadAddress(key)}>${shortName(key)}</a>` : shortName(key);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Table of who waits on whom">
      <table>
        <thead>
          <tr>
            <th scope="col">Who waits</th>
            <th scope="col">For whom</th>
            <th scope="col">Wait at once</th>
            <th scope="col">Requests/s</th>
            <th scope="col">Harm of whom it waits for</th>
          </tr>
        </thead>
        <tbody>
          ${edges
            .toSorted((a, b) => b.waiting - a.waiting)
            .map(
              ({ from, to, waiting, sent }) => html`
                <tr>
                  <td>${name(from)}</td>
                  <td>${name(to)}</td>
                  <td>${figure(waiting)}</td>
                  <td>${figure(sent)}</td>
                  <td>${harmText(harms.get(to) ?? '') || '–'}</td>
                </tr>
              `,
            )}
        </tbody>
      </table>
    </div>
  `;
}

function edgeText({ from, to, waiting, sent }: GraphEdge): string {
  return `${shortName(from)} waits for ${shortName(to)}: ${figure(waiting)} requests at once, ${figure(sent)} requests/s`;
}

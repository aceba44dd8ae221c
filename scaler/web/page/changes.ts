import { html } from 'htm/preact';
import { workloadAddress } from './address.js';
import { useAnswer } from './answer.js';
import { time } from './words.js';

/** What the page reads of a change at `/api/v1/changes`. */
interface Change {
  readonly namespace: string;
  readonly workload: string;
  readonly workloadKind: string;
  readonly at: number;
  readonly currentReplicas: number;
  readonly replicas: number;
  readonly reason: string;
  readonly outcomeText: string;
}

interface ChangesProps {
  /** Undefined: of every workload. */
  readonly workloadKey?: string;
  readonly version: unknown;
}

/** The last decisions that said something new, newest first. */
export function Changes({ workloadKey, version }: ChangesProps) {
  const query = workloadKey === undefined ? '' : `?workload=${encodeURIComponent(workloadKey)}`;
  const { value, error } = useAnswer<{ changes: readonly Change[] }>(`api/v1/changes${query}`, version);
  if (error) return html`<p class="notice bad">The changes cannot be shown: ${error}</p>`;
  if (!value) return html`<p class="quiet">Loading …</p>`;
  if (value.changes.length === 0)
    return html`<p class="empty">Nothing has changed since the scaler started.</p>`;
  return html`
    <ol class="changes">
      ${value.changes.map((change) => html`<${Line} change=${change} isNamed=${workloadKey === undefined} />`)}
    </ol>
  `;
}

function Line({ change, isNamed }: { readonly change: Change; readonly isNamed: boolean }) {
  const { namespace, workload, workloadKind, at, currentReplicas, replicas, reason, outcomeText } = change;
  const key = `${namespace}/${workloadKind}/${workload}`;
  return html`
    <li>
      <time datetime=${new Date(at * 1000).toISOString()}>${time(at)}</time>
      <span>
        ${isNamed && html`<a href=${workloadAddress(key)}>${namespace}/${workload}</a>${' '}`}
        <strong>${currentReplicas === replicas ? replicas : `${currentReplicas} → ${replicas}`}</strong>
        ${` ${reason} `}<small>${outcomeText}</small>
      </span>
    </li>
  `;
}

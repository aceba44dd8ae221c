import { own } from '../../../common/own.js';
import type { LabelSelector } from '../../../common/label-selector.js';
import type { KubeObject } from '../objects/meta.js';
import { ApiError } from './status.js';

type Labels = Readonly<Record<string, string>> | undefined;
type Requirement = (labels: Readonly<Record<string, string>>) => boolean;
type Matcher = (object: KubeObject) => boolean;

const SET = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY = /^([^\s=!,()]+)\s*(==|=|!=)\s*([^\s=!,()]*)$/;
const EXISTENCE = /^(!?)\s*([^\s=!,()]+)$/;

/** Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k`. @throws ApiError 400 */
export function parseLabelSelector(text: string): (labels: Labels) => boolean {
  const requirements = splitOutsideParentheses(text).map(parseRequirement);
  return (labels) => requirements.every((holds) => holds(labels ?? {}));
}

/** Formats a metav1.LabelSelector as `kubectl` and the scale subresource do: `app=web,tier in (a,b)`. */
export function formatSelector(selector: LabelSelector): string {
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator.toLowerCase()} (${values.join(',')})`;
  });
  return [...labels, ...expressions].sort().join(',');
}

/**
 * Parses `spec.nodeName=n,status.phase!=Failed`. It accepts the fields that the API server has indexed for the
 * resource.
 *
 * @throws ApiError 400
 */
export function parseFieldSelector(text: string, resource: string): Matcher {
  const terms = text.split(',').filter((term) => term.trim() !== '');
  const matchers = terms.map((term): Matcher => {
    const match = /^\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(term);
    if (!match) throw new ApiError(400, `invalid field selector: "${text}"`);
    const [, field, operator, value] = match;
    if (!FIELDS.common.includes(field!) && !FIELDS[resource]?.includes(field!)) {
      throw new ApiError(400, `field label not supported: ${field!}`);
    }
    return (object) => (fieldOf(object, field!) === value) === (operator !== '!=');
  });
  return (object) => matchers.every((matches) => matches(object));
}

const FIELDS: Record<string, readonly string[]> & { common: readonly string[] } = {
  common: ['metadata.name', 'metadata.namespace'],
  pods: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'status.phase',
    'status.podIP',
  ],
  events: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  namespaces: ['status.phase'],
  nodes: ['spec.unschedulable'],
  replicasets: ['status.replicas'],
  secrets: ['type'],
  services: ['spec.clusterIP', 'spec.type'],
};

function fieldOf(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const part of path === 'source' ? ['source', 'component'] : path.split('.')) {
    value = (value as Record<string, unknown> | undefined)?.[part];
  }
  if (typeof value === 'string') return value;
  if (value === undefined && path === 'spec.unschedulable') return 'false';
  return value === undefined ? '' : JSON.stringify(value);
}

function parseRequirement(text: string): Requirement {
  const set = SET.exec(text);
  if (set) {
    const values = set[3]!.split(',').map((value) => value.trim());
    return (labels) => isListed(own(labels, set[1]!), values) === (set[2] === 'in');
  }
  const equality = EQUALITY.exec(text);
  if (equality) {
    const [, key, operator, value] = equality;
    return (labels) => (own(labels, key!) === value) === (operator !== '!=');
  }
  const existence = EXISTENCE.exec(text);
  if (!existence) throw new ApiError(400, `unable to parse requirement: "${text}"`);
  return (labels) => (own(labels, existence[2]!) !== undefined) === (existence[1] === '');
}

function isListed(value: string | undefined, values: readonly string[]): boolean {
  return value !== undefined && values.includes(value);
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

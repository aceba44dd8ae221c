import { EVERYTHING, type Selection } from './selection.js';

/** Where the part of the address after `#` leads. */
export type Place =
  | { readonly page: 'overview'; readonly selection: Selection }
  | { readonly page: 'workload'; readonly key: string }
  | { readonly page: 'graph' }
  | { readonly page: 'changes' }
  | { readonly page: 'rules' };

/** Reads `#/`, `#/?q=shop`, `#/workload/NAMESPACE/KIND/NAME`, `#/graph`, `#/changes` and `#/rules`; anything else is the overview. */
export function parseAddress(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page, ...parts] = path.split('/').map(decoded);
  if (page === 'workload' && parts.length === 3) return { page, key: parts.join('/') };
  if (page === 'graph' || page === 'changes' || page === 'rules') return { page };
  const given = new URLSearchParams(query);
  const fields = Object.keys(EVERYTHING) as (keyof Selection)[];
  const selection = Object.fromEntries(fields.map((field) => [field, given.get(field) ?? '']));
  return { page: 'overview', selection: { ...EVERYTHING, ...selection } };
}

export function addressOf(selection: Selection): string {
  const given = Object.entries(selection).filter(([, value]) => value !== '');
  const query = new URLSearchParams(given as [string, string][]).toString();
  return query === '' ? '#/' : `#/?${query}`;
}

/** @param key `namespace/kind/name` */
export function workloadAddress(key: string): string {
  return `#/workload/${pathOf(key)}`;
}

/** The dashboard of a workload. @param grafana URL, which may have a path */
export function dashboardAddress(grafana: string, namespace: string, name: string): string {
  const query = new URLSearchParams({ 'var-namespace': namespace, 'var-workload': name }).toString();
  return `${grafana.replace(/\/$/, '')}/d/kernscale-workloads?${query}`;
}

/** A key as the path of a request. */
export function pathOf(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

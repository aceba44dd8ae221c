import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const run = promisify(execFile);
export const ROOT = new URL('../../..', import.meta.url).pathname.replace(/\/$/, '');

/** The fields of a Kubernetes object that the tests read. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Labels };
  data?: Labels;
  spec?: {
    replicas?: number;
    selector?: Record<string, string>;
    ports?: { port: number; targetPort: string | number }[];
    template?: { metadata: { labels: Labels; annotations?: Labels }; spec: PodSpec };
  };
  subjects?: { name: string; namespace: string }[];
  roleRef?: { name: string };
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

type Labels = Record<string, string>;

interface PodSpec {
  containers: Container[];
  volumes?: Volume[];
  serviceAccountName?: string;
  priorityClassName?: string;
  securityContext?: object;
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  ports?: { name: string; containerPort: number }[];
  resources: { requests: Labels; limits: Labels };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  volumeMounts?: { name: string; mountPath: string }[];
  securityContext?: object;
}

export interface Probe {
  httpGet?: { path: string; port: string | number };
  tcpSocket?: { port: string | number };
  timeoutSeconds?: number;
  periodSeconds?: number;
  failureThreshold?: number;
}

interface Volume {
  name: string;
  configMap?: { name: string };
}

/** The objects that `kubectl apply -k` sends. */
export async function render(directory: string): Promise<Manifest[]> {
  const { stdout } = await run('kubectl', ['kustomize', directory], { cwd: ROOT });
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

interface Model {
  /** @throws Error if a field is missing or has a wrong type or value */
  validate(): void;
}

/** Checks a manifest against the OpenAPI schema of Kubernetes or the Prometheus Operator. */
export async function validate(manifest: Manifest): Promise<void> {
  const { apiVersion, kind } = manifest;
  const models = (await import(`${schemasOf(apiVersion)}/${apiVersion}/${kind}`)) as Record<
    string,
    new (manifest: Manifest) => Model
  >;
  new models[kind]!(manifest).validate();
}

function schemasOf(apiVersion: string): string {
  return apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models';
}

export function isOfKind(kind: string | RegExp): (manifest: Manifest) => boolean {
  return (manifest) => (typeof kind === 'string' ? manifest.kind === kind : kind.test(manifest.kind));
}

/** The pod templates of workloads, by the workload's name; a DaemonSet has one pod, for one node. */
export function podTemplates(manifests: readonly Manifest[]) {
  return manifests.flatMap(({ metadata, spec }) => {
    if (!spec?.template) return [];
    const { labels, annotations } = spec.template.metadata;
    const { replicas = 1 } = spec;
    return [
      { name: metadata.name, replicas, labels, annotations, volumes: [] as Volume[], ...spec.template.spec },
    ];
  });
}

export function configMapsUsed(volumes: readonly Volume[]): string[] {
  return volumes.flatMap(({ configMap }) => (configMap ? [configMap.name] : []));
}

/** The names of the files in all ConfigMaps. */
export function dataKeys(manifests: readonly Manifest[]): string[] {
  return manifests.filter(isOfKind('ConfigMap')).flatMap(({ data = {} }) => Object.keys(data));
}

/** The flags in a container's command line. */
export function stringArguments({ command = [], args = [] }: Container): string[] {
  return [...command, ...args].filter((word) => word.startsWith('--'));
}

/** True if a role that is bound to the account allows it, by RBAC's rules for wildcards. */
export function grants(
  manifests: readonly Manifest[],
  account: string,
  verb: string,
  group: string,
  resource: string,
): boolean {
  const roles = manifests
    .filter(isOfKind(/RoleBinding$/))
    .filter(({ subjects }) => subjects!.some(({ name }) => name === account))
    .map(({ kind, roleRef }) => `${kind.replace('Binding', '')} ${roleRef!.name}`);
  const subresource = resource.includes('/') ? `*/${resource.split('/')[1]!}` : resource;
  return manifests
    .filter(({ kind, metadata }) => roles.includes(`${kind} ${metadata.name}`))
    .flatMap(({ rules }) => rules!)
    .some(
      ({ apiGroups, resources, verbs }) =>
        verbs.includes(verb) &&
        (apiGroups.includes('*') || apiGroups.includes(group)) &&
        (resources.includes(resource) || resources.includes(subresource)),
    );
}

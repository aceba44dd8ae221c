import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { dumpYaml, loadYaml } from '@kubernetes/client-node';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { parseQuantity } from '../../../common/quantity.js';
import {
  configMapsUsed,
  dataKeys,
  grants,
  isOfKind,
  podTemplates,
  render,
  ROOT,
  stringArguments,
  validate,
  type Manifest,
} from './manifests.js';
import { build, finish, launch } from '../../workloads/processes.js';
import { refusal } from '../../../scaler/web/cross-site.js';
import { PROMTOOL } from '../../../sandbox/paths.js';

const run = promisify(execFile);
const OVERLAY = 'manifests/overlays/k3s';
const DEMO = 'manifests/demo';

/** All requests of the code to the Kubernetes API: verbs on a resource of a group. */
const NEEDS: [account: string, verbs: string[], group: string, resource: string][] = [
  ['kernscale-exporter', ['list', 'watch'], '', 'pods'],
  ['kernscale-scaler', ['list', 'watch'], '', 'pods'],
  ['kernscale-scaler', ['list', 'watch'], '', 'services'],
  ['kernscale-scaler', ['list', 'watch'], 'discovery.k8s.io', 'endpointslices'],
  ['kernscale-scaler', ['list', 'watch'], 'apps', 'deployments'],
  ['kernscale-scaler', ['list', 'watch'], 'apps', 'statefulsets'],
  ['kernscale-scaler', ['list', 'watch'], 'autoscaling', 'horizontalpodautoscalers'],
  ['kernscale-scaler', ['list', 'watch'], '', 'namespaces'],
  ['kernscale-scaler', ['get', 'patch'], 'apps', 'deployments/scale'],
  ['kernscale-scaler', ['get', 'patch'], 'example.com', 'widgets/scale'],
  ['kernscale-scaler', ['create'], '', 'events'],
  ['kernscale-scaler', ['list', 'watch'], 'kernscale.io', 'scalingrules'],
  ['kernscale-scaler', ['patch'], 'kernscale.io', 'scalingrules/status'],
  ['kernscale-scaler', ['get', 'create', 'update'], 'coordination.k8s.io', 'leases'],
  ['prometheus', ['get', 'list', 'watch'], '', 'pods'],
];

const ALL_VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

async function filesBelow(directory: string, name: RegExp): Promise<string[]> {
  const files = await readdir(`${ROOT}/${directory}`, { recursive: true });
  return files.filter((file) => name.test(file)).map((file) => `${directory}/${file}`);
}

async function kustomizations(): Promise<string[]> {
  const found = [];
  for (const directory of ['manifests', 'rules', 'grafana']) {
    for (const file of await filesBelow(directory, /kustomization\.yaml$/)) {
      const { kind } = parse(await readFile(`${ROOT}/${file}`, 'utf8')) as Manifest;
      if (kind === 'Kustomization') found.push(file.replace(/\/kustomization\.yaml$/, ''));
    }
  }
  return found;
}

describe('manifests', function () {
  this.timeout(60_000);
  let installed: Manifest[];
  let demo: Manifest[];

  before(async () => {
    [installed, demo] = await Promise.all([render(OVERLAY), render(DEMO)]);
  });

  it('every kustomization renders, and matches Kubernetes’ schema without unknown fields', async () => {
    const directories = await kustomizations();
    expect(directories).to.include.members(['manifests/base', OVERLAY, DEMO, 'rules', 'grafana']);
    for (const directory of directories) {
      for (const manifest of await render(directory)) {
        // The client's types drop unknown fields.
        const known: unknown = parse(dumpYaml(loadYaml(JSON.stringify(manifest))));
        expect(known, `${directory}: ${manifest.kind} ${manifest.metadata.name}`).to.deep.equal(manifest);
        await validate(manifest);
      }
    }
    const wrong = {
      ...demo[0]!,
      metadata: { name: 'Shop' },
      kind: 'Namespace',
      spec: { finalizers: 'none' },
    };
    expect(await validate(wrong as unknown as Manifest).catch(String)).to.match(/finalizers.*array/);
  });

  it('every image is pinned to a version', () => {
    for (const { containers } of podTemplates([...installed, ...demo])) {
      for (const { image } of containers) expect(image).to.match(/^[\w./-]+:(?!latest$)[\w.-]+$/);
    }
  });

  it('every reference has its object', () => {
    const names = (kind: string) => installed.filter(isOfKind(kind)).map(({ metadata }) => metadata.name);
    for (const { name, serviceAccountName, priorityClassName, volumes } of podTemplates(installed)) {
      if (priorityClassName) expect(names('PriorityClass'), name).to.include(priorityClassName);
      if (serviceAccountName) expect(names('ServiceAccount'), name).to.include(serviceAccountName);
      expect(names('ConfigMap'), name).to.include.members(configMapsUsed(volumes));
    }
    for (const { subjects, roleRef, kind } of installed.filter(isOfKind(/Binding$/))) {
      expect(names('ServiceAccount')).to.include(subjects![0]!.name);
      expect(subjects![0]!.namespace).to.equal('kernscale');
      expect(names(kind.replace('Binding', ''))).to.include(roleRef!.name);
    }
  });

  it('every Service, probe and mount refers to a port or volume that its pods declare', () => {
    for (const manifests of [installed, demo]) {
      const templates = podTemplates(manifests);
      for (const { metadata, spec } of manifests.filter(isOfKind('Service'))) {
        const pods = templates.filter(({ labels }) =>
          Object.entries(spec!.selector!).every(([key, value]) => labels[key] === value),
        );
        expect(pods, metadata.name).to.have.length(1);
        const ports = pods[0]!.containers.flatMap((container) => container.ports ?? []);
        const target = spec!.ports![0]!.targetPort;
        expect(ports.some((port) => port.name === target || port.containerPort === target)).to.be.true;
      }
      for (const { containers, volumes } of templates) {
        for (const { ports, startupProbe, livenessProbe, readinessProbe, volumeMounts } of containers) {
          const declared = (ports ?? []).flatMap(({ name, containerPort }) => [name, containerPort]);
          for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
            if (probe) expect(declared).to.include(probe.httpGet!.port);
          }
          const mounted = (volumeMounts ?? []).map(({ name }) => name);
          expect(mounted).to.have.members(volumes.map(({ name }) => name));
        }
      }
    }
  });

  for (const [service, port] of [
    ['exporter', 5000],
    ['scaler', 5001],
  ] as const) {
    it(`the ${service} listens, is scraped and is reachable on ${port}`, () => {
      const { annotations, containers } = podTemplates(installed).find(
        ({ name }) => name === `kernscale-${service}`,
      )!;
      expect(containers[0]!.args).to.include(`--web.listen-address=:${port}`);
      expect(containers[0]!.ports![0]!.containerPort).to.equal(port);
      expect(annotations).to.include({ 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port) });
      const target = installed
        .filter(isOfKind('Service'))
        .find(({ metadata }) => metadata.name === `kernscale-${service}`)!;
      expect(target.spec!.ports![0]!.port).to.equal(port);
    });

    it(`the ${service} knows each of its flags`, async () => {
      const { containers } = podTemplates(installed).find(({ name }) => name === `kernscale-${service}`)!;
      const { stdout } = await run('node', ['--import', 'tsx', `${service}/main.ts`, '--help'], {
        cwd: ROOT,
      });
      for (const argument of stringArguments(containers[0]!)) {
        expect(stdout).to.match(new RegExp(`${argument.replace(/=.*$/, '').replaceAll('.', '\\.')}[ ,]`));
      }
    });
  }

  it('the scaler answers by every name of its Service', () => {
    const { containers } = podTemplates(installed).find(({ name }) => name === 'kernscale-scaler')!;
    const flag = stringArguments(containers[0]!).find((word) => word.startsWith('--web.external-url='))!;
    const externalUrl = new URL(flag.replace(/^.*?=/, ''));
    const { name, namespace } = installed.find(
      ({ kind, metadata }) => kind === 'Service' && metadata.name === 'kernscale-scaler',
    )!.metadata;
    for (const suffix of ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`]) {
      const headers = { host: `${name}${suffix}:5001` };
      expect(refusal({ method: 'GET', path: '/', headers }, externalUrl), suffix).to.equal(undefined);
    }
  });

  it('the exporter has only two capabilities', () => {
    const { containers } = podTemplates(installed).find(({ name }) => name === 'kernscale-exporter')!;
    expect(containers[0]!.securityContext).to.deep.include({
      capabilities: { drop: ['ALL'], add: ['BPF', 'PERFMON'] },
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
    expect(containers[0]!.securityContext).not.to.have.property('privileged');
  });

  it('every other container runs without root and capabilities, on a read-only file system', () => {
    for (const { name, securityContext, containers } of podTemplates([...installed, ...demo])) {
      if (name === 'kernscale-exporter') continue;
      expect(securityContext, name).to.include({ runAsNonRoot: true });
      expect(containers[0]!.securityContext, name).to.deep.include({
        capabilities: { drop: ['ALL'] },
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
      });
    }
  });

  for (const [account, verbs, group, resource] of NEEDS) {
    it(`${account} may ${verbs.join(', ')} ${resource}${group && `.${group}`}, and no more`, () => {
      const granted = ALL_VERBS.filter((verb) => grants(installed, account, verb, group, resource));
      expect(granted).to.have.members(verbs);
    });
  }

  it('no account may read secrets, or change workloads other than by their scale', () => {
    for (const account of ['kernscale-exporter', 'kernscale-scaler', 'prometheus']) {
      expect(grants(installed, account, 'get', '', 'secrets')).to.be.false;
      expect(grants(installed, account, 'patch', 'apps', 'deployments')).to.be.false;
    }
  });

  it('every rule file and dashboard is shipped', async () => {
    const shipped = dataKeys(installed);
    for (const [directory, name] of [
      ['rules', /^(scaling|prometheus)\/[^/]+\.yaml$/],
      ['grafana', /^dashboards\/[^/]+\.json$/],
      ['grafana', /^provisioning\/.*\.yaml$/],
    ] as const) {
      const files = await filesBelow(directory, name);
      expect(files).not.to.be.empty;
      expect(shipped).to.include.members(files.map((file) => basename(file)));
    }
  });

  it('no object is too large for the annotation in which kubectl apply keeps it', () => {
    for (const manifest of [...installed, ...demo]) {
      expect(JSON.stringify(manifest).length, manifest.metadata.name).to.be.below(256 * 1024);
    }
  });

  it('the rules of the demo are only in overlays with the demo', async () => {
    const shipped = dataKeys(await render('manifests/base'));
    const rules = (await readdir(`${ROOT}/rules/scaling`)).filter((file) => file.endsWith('.yaml'));
    expect(rules).to.include.members(['default.yaml', 'demo.yaml']);
    const meant = rules.filter((file) => file !== 'demo.yaml');
    expect(shipped.filter((file) => rules.includes(file))).to.have.members(meant);
  });

  it('the examples of the cookbook are not installed', async () => {
    const examples = await filesBelow('rules/scaling/examples', /\.yaml$/);
    expect(examples).not.to.be.empty;
    const texts = await Promise.all(examples.map((file) => readFile(`${ROOT}/${file}`, 'utf8')));
    for (const directory of await kustomizations()) {
      for (const { data = {} } of await render(directory)) {
        const names = Object.keys(data).filter((name) => examples.some((file) => basename(file) === name));
        const copies = Object.values(data).filter((text) => texts.includes(text));
        expect([...names, ...copies], directory).to.deep.equal([]);
      }
    }
  });

  it('the scaler keeps its history on a writable volume that outlives the container', () => {
    const { containers, volumes } = podTemplates(installed).find(({ name }) => name === 'kernscale-scaler')!;
    const [container] = containers;
    const flag = container!.args!.find((argument) => argument.startsWith('--history.file='))!;
    const mount = container!.volumeMounts!.find(({ mountPath }) =>
      flag.startsWith(`--history.file=${mountPath}/`),
    );
    expect(mount).not.to.have.property('readOnly');
    expect(volumes.find(({ name }) => name === mount!.name)).to.have.property('emptyDir');
  });

  it('the demo has small requests, and cpu has a limit of 200m', () => {
    const containers = new Map(podTemplates(demo).map((pod) => [pod.name, pod.containers[0]!]));
    expect(containers.get('cpu')!.resources).to.deep.nested.include({
      'requests.cpu': '200m',
      'limits.cpu': '200m',
    });
    const others = [...containers].filter(([name]) => name !== 'cpu');
    for (const [name, { resources }] of others) expect(resources.limits, name).not.to.have.property('cpu');
    const requests = [...containers.values()].map(({ resources }) =>
      parseQuantity(resources.requests['cpu']!),
    );
    expect(requests.reduce((sum, cores) => sum + cores)).to.be.below(2);
  });

  it('the demo programs know each of their flags', async () => {
    await build();
    for (const { name, containers } of podTemplates(demo)) {
      const [program, kind = ''] = containers[0]!.command!;
      const { out } = await finish(launch(program === '/loadgen' ? 'loadgen' : 'workload', ['--help']));
      const help = program === '/loadgen' ? out : out.slice(out.indexOf(`${kind}: `)).split('\n\n')[0]!;
      for (const argument of stringArguments(containers[0]!)) {
        expect(help, name).to.match(new RegExp(`^  ${argument.replace(/=.*$/, '')} `, 'm'));
      }
    }
  });

  it('promtool accepts the configuration of Prometheus', async () => {
    const file = `${ROOT}/manifests/components/prometheus/prometheus.yml`;
    const config = parse(await readFile(file, 'utf8')) as { scrape_configs: Record<string, unknown>[] };
    // Debian builds Prometheus without Kubernetes service discovery, so only the rest is checked.
    for (const job of config.scrape_configs) delete job['kubernetes_sd_configs'];
    const directory = await mkdtemp(`${tmpdir()}/kernscale-manifests-`);
    try {
      await writeFile(`${directory}/prometheus.yml`, stringify(config));
      await run(PROMTOOL, ['check', 'config', '--syntax-only', `${directory}/prometheus.yml`]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

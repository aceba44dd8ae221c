import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { deployment, kubectl, kubectlInBackground, service, useCluster, type Ran } from './harness.js';
import type { ManagedFields } from '../../sandbox/cluster/objects/meta.js';

describe('stand-in cluster: kubectl', () => {
  const cluster = useCluster();
  const run = (...parameters: string[]): Promise<Ran> => kubectl(cluster(), parameters);
  const apply = (manifest: string, ...parameters: string[]): Promise<Ran> =>
    kubectl(cluster(), ['apply', '-f', '-', ...parameters], manifest);

  before(async () => {
    await cluster().apply(
      deployment('web', { replicas: 2, container: { ports: [{ name: 'http', containerPort: 80 }] } }),
    );
    await cluster().apply(service('web', 80, 'http'));
    await eventually('both pods are ready', async () =>
      (await run('get', 'deploy', 'web', '-n', 'shop')).stdout.includes('2/2'),
    );
  });

  it('gets tables with the real columns', async () => {
    const pods = await run('get', 'pods', '-n', 'shop', '-o', 'wide');
    const [head, row] = pods.stdout.split('\n');
    expect(head).to.match(/^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES$/);
    expect(row).to.match(
      /^web-[a-z0-9]{10}-[a-z0-9]{5} +1\/1 +Running +0 +\d+s +127\.\d+\.\d+\.\d+ +kernscale-demo/,
    );
  });

  it('gets every kind at once, in all namespaces', async () => {
    const kinds = 'pods,deploy,rs,svc,sts,endpointslices,endpoints,leases,events,ns,nodes';
    const { code, stdout, stderr } = await run('get', kinds, '-A');
    expect([code, stderr]).to.deep.equal([0, '']);
    for (const name of ['deployment.apps/web', 'service/web', 'node/kernscale-demo', 'namespace/shop']) {
      expect(stdout).to.include(name);
    }
  });

  it('gets by label and field selector, as JSON, as YAML, and raw', async () => {
    const json = await run(
      'get',
      'pods',
      '-A',
      '-l',
      'app in (web)',
      '--field-selector',
      'status.phase=Running',
      '-o',
      'json',
    );
    expect((JSON.parse(json.stdout) as { items: unknown[] }).items).to.have.length(2);
    expect((await run('get', 'svc', 'web', '-n', 'shop', '-o', 'yaml')).stdout).to.include('kind: Service');
    expect((await run('get', '--raw', '/readyz')).stdout).to.equal('ok');
  });

  it('watches', async () => {
    const watching = kubectlInBackground(cluster(), ['get', 'deploy', '-n', 'shop', '-w']);
    try {
      await eventually('the pod is listed', () => watching.output().includes('web'));
      await cluster().apply(deployment('seen'));
      await eventually('the new pod is ready', () => /seen +1\/1/.test(watching.output()));
    } finally {
      watching.stop();
      await run('delete', 'deploy', 'seen', '-n', 'shop');
    }
  });

  it('describes pods with their events, deployments, services and the node', async () => {
    const pods = await run('describe', 'pods', '-n', 'shop', '-l', 'app=web');
    expect(pods.stdout).to.match(/Controlled By: +ReplicaSet\/web-/);
    expect(pods.stdout).to.match(/Normal +Started +.*kubelet +Started container main/);
    const deploy = await run('describe', 'deploy', 'web', '-n', 'shop');
    expect(deploy.stdout).to.match(
      /Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/,
    );
    expect((await run('describe', 'svc', 'web', '-n', 'shop')).stdout).to.match(
      /Endpoints: +127\.\d+\.\d+\.\d+:80,127/,
    );
    expect((await run('describe', 'node')).stdout).to.match(/Non-terminated Pods: +\(2 in total\)/);
  });

  it('applies client-side: creates, changes, detects no change, removes omitted fields', async () => {
    const variable = { env: [{ name: 'A', value: '1' }] };
    expect((await apply(deployment('cli', { container: variable }))).stdout).to.include('created');
    expect((await apply(deployment('cli'))).stdout).to.include('configured');
    expect((await apply(deployment('cli'))).stdout).to.include('unchanged');
    const env = '-o=jsonpath={.spec.template.spec.containers[0].env}';
    expect((await run('get', 'deploy', 'cli', '-n', 'shop', env)).stdout).to.equal('');
    expect((await run('delete', 'deploy', 'cli', '-n', 'shop')).code).to.equal(0);
  });

  it('applies server-side', async () => {
    const applied = await apply(deployment('ssa', { replicas: 0 }), '--server-side');
    expect(applied.stdout).to.equal('deployment.apps/ssa serverside-applied\n');
    expect((await run('delete', 'deploy', 'ssa', '-n', 'shop')).code).to.equal(0);
  });

  it('tells who set spec.replicas, in managedFields, as a real API server does', async () => {
    const owners = async (): Promise<string[]> => {
      const { stdout } = await run(
        'get',
        'deploy',
        'owned',
        '-n',
        'shop',
        '-o=json',
        '--show-managed-fields',
      );
      const { metadata } = JSON.parse(stdout) as { metadata: { managedFields: ManagedFields[] } };
      const owning = metadata.managedFields.filter(({ fieldsV1 }) => {
        return (
          (fieldsV1 as { 'f:spec'?: object })['f:spec'] && 'f:replicas' in (fieldsV1['f:spec'] as object)
        );
      });
      return owning.map(({ manager, operation, subresource = '', time = 'never' }) =>
        [manager, operation, subresource, time === 'never' ? time : 'timed'].join(' '),
      );
    };
    const scale = (replicas: number): Promise<Ran> =>
      run('scale', 'deploy/owned', '-n', 'shop', `--replicas=${replicas}`);
    await apply(deployment('owned', { replicas: 0 }));
    expect(await owners()).to.deep.equal(['kubectl-client-side-apply Update  timed']);
    await scale(0);
    expect(await owners(), 'nothing changed').to.deep.equal(['kubectl-client-side-apply Update  timed']);
    await scale(1);
    expect(await owners()).to.deep.equal(['kubectl Update scale never']);
    const same = await apply(
      deployment('owned'),
      '--server-side',
      '--field-manager=argocd',
      '--force-conflicts',
    );
    expect(same.code, same.stderr).to.equal(0);
    expect(await owners()).to.have.members(['kubectl Update scale never', 'argocd Apply  timed']);
    await run('patch', 'deploy', 'owned', '-n', 'shop', '--type=merge', '-p={"spec":{"replicas":0}}');
    expect(await owners()).to.deep.equal(['kubectl-patch Update  timed']);
    await run('delete', 'deploy', 'owned', '-n', 'shop');
  });

  it('reports errors of a manifest', async () => {
    const { code, stderr } = await apply(deployment('Wrong_Name'));
    expect(code).to.equal(1);
    expect(stderr).to.match(/Deployment.* "Wrong_Name" is invalid: metadata.name/);
  });

  it('scales, and follows rollouts, undo and restart', async () => {
    const rollout = (verb: string): Promise<Ran> => run('rollout', verb, 'deploy/web', '-n', 'shop');
    expect((await run('scale', 'deploy/web', '-n', 'shop', '--replicas=3')).code).to.equal(0);
    expect((await rollout('status')).stdout).to.include('successfully rolled out');
    expect((await run('set', 'image', 'deploy/web', 'main=nowhere', '-n', 'shop')).code).to.equal(0);
    const stuck = /web-\S+ +0\/1 +(ErrImagePull|ImagePullBackOff)/;
    await eventually('the new pod has no image', async () =>
      stuck.test((await run('get', 'pods', '-n', 'shop')).stdout),
    );
    expect((await run('get', 'deploy', 'web', '-n', 'shop')).stdout).to.match(/web +3\/3/);
    expect((await rollout('undo')).code).to.equal(0);
    expect((await rollout('status')).stdout).to.include('successfully rolled out');
    expect((await rollout('restart')).code).to.equal(0);
    expect((await rollout('status')).stdout).to.include('successfully rolled out');
    expect((await rollout('history')).stdout).to.match(/^2\b.*\n3\b.*\n4\b/m);
  });

  it('patches with every patch type', async () => {
    const patch = (type: string, text: string): Promise<Ran> =>
      run('patch', 'deploy', 'web', '-n', 'shop', '--type', type, '-p', text);
    expect((await patch('json', '[{"op":"replace","path":"/spec/replicas","value":1}]')).stdout).to.include(
      'patched',
    );
    expect((await patch('merge', '{"spec":{"replicas":2}}')).stdout).to.include('patched');
    const container =
      '{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"A","value":"1"}]}]}}}}';
    expect((await patch('strategic', container)).stdout).to.include('patched');
    const command = '-o=jsonpath={.spec.template.spec.containers[0].command[0]}';
    expect((await run('get', 'deploy', 'web', '-n', 'shop', command)).stdout).to.equal('sleep');
  });

  it('shows logs, also of the previous run, and follows them', async () => {
    const command = ['sh', '-c', 'echo hello from $HOSTNAME; sleep 0.5; echo again; exit 1'];
    await cluster().apply(deployment('talker', { command }));
    const get = ['get', 'pods', '-n', 'shop', '-l', 'app=talker'];
    const name = await eventually('the pod exists', async () =>
      (await run(...get, '-o=name')).stdout.trim().replace('pod/', ''),
    );
    const following = kubectlInBackground(cluster(), ['logs', '-f', name, '-n', 'shop']);
    try {
      await eventually('the second line is logged', () => following.output().includes('again'));
    } finally {
      following.stop();
    }
    await eventually('the container backs off', async () =>
      (await run(...get)).stdout.includes('CrashLoopBackOff'),
    );
    expect((await run('logs', '-p', name, '-n', 'shop')).stdout).to.equal(`hello from ${name}\nagain\n`);
    expect((await run('logs', name, '-n', 'shop', '--tail=1')).stdout).to.equal('again\n');
    await run('delete', 'deploy', 'talker', '-n', 'shop');
  });

  it('cordons the node, so that it gets no pods', async () => {
    expect((await run('cordon', 'kernscale-demo')).stdout).to.include('cordoned');
    await cluster().apply(deployment('waiting'));
    const pending = async (): Promise<boolean> =>
      /Pending/.test((await run('get', 'pods', '-n', 'shop', '-l', 'app=waiting')).stdout);
    await eventually('the pod is pending', pending);
    await run('uncordon', 'kernscale-demo');
    expect((await run('rollout', 'status', 'deploy/waiting', '-n', 'shop')).code).to.equal(0);
    await run('delete', 'deploy', 'waiting', '-n', 'shop');
  });

  it('deletes by label', async () => {
    const { stdout } = await run('delete', 'deploy,svc', '-n', 'shop', '-l', 'app=nothing');
    expect(stdout).to.include('No resources found');
    expect((await run('delete', 'deploy', '--all', '-n', 'shop')).stdout).to.include('deployment.apps "web"');
  });
});

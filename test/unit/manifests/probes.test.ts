import { expect } from 'chai';
import { podTemplates, render, type Container, type Probe } from './manifests.js';

/** Kubernetes' defaults, in seconds: a time-out of 1 s is what an overloaded node exceeds. */
const DEFAULTS = { timeoutSeconds: 1, periodSeconds: 10, failureThreshold: 3 };
const SERVICES = ['kernscale-exporter', 'kernscale-scaler'];

/** Seconds without a good answer after which the kubelet acts. */
function patience(probe: Probe): number {
  const { periodSeconds, failureThreshold } = { ...DEFAULTS, ...probe };
  return periodSeconds * failureThreshold;
}

describe('probes of the manifests', function () {
  this.timeout(60_000);
  let containers: Map<string, Container>;

  before(async () => {
    const rendered = await Promise.all(['manifests/overlays/k3s', 'manifests/demo'].map(render));
    containers = new Map(podTemplates(rendered.flat()).map((pod) => [pod.name, pod.containers[0]!]));
  });

  it('none takes a slow answer of an overloaded node for a fault', () => {
    for (const [name, { startupProbe, livenessProbe, readinessProbe }] of containers) {
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        if (probe) expect(probe.timeoutSeconds, name).to.be.at.least(5);
      }
    }
  });

  for (const service of SERVICES) {
    it(`${service} is restarted only if its event loop has not turned for two minutes`, () => {
      const { startupProbe, livenessProbe, readinessProbe } = containers.get(service)!;
      expect(startupProbe!.httpGet!.path).to.equal('/-/healthy');
      expect(livenessProbe!.httpGet!.path).to.equal('/-/healthy');
      expect(readinessProbe!.httpGet!.path).to.equal('/-/ready');
      expect(livenessProbe!.timeoutSeconds).to.be.at.least(30);
      expect(patience(livenessProbe!)).to.be.at.least(120);
      expect(patience(startupProbe!)).to.be.at.least(300);
    });
  }

  it('whatever is restarted by a liveness probe has a startup probe, which is more patient', () => {
    for (const [name, { startupProbe, livenessProbe }] of containers) {
      if (livenessProbe) expect(patience(startupProbe!), name).to.be.above(patience(livenessProbe));
    }
  });
});

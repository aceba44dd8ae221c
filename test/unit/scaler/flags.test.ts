import { expect } from 'chai';
import { parseScalerFlags } from '../../../scaler/flags.js';

describe('the scaler’s flags', () => {
  const parse = (...argv: string[]) => parseScalerFlags(argv, '1.2.3')!;

  it('have the URL of a Grafana, which none is by default', () => {
    expect(parse().grafanaUrl).to.equal(undefined);
    expect(parse('--grafana.url=https://a.example.com/x').grafanaUrl!.pathname).to.equal('/x');
  });

  it('have an external URL, which none is by default', () => {
    expect(parse().externalUrl).to.equal(undefined);
    expect(parse('--web.external-url=https://a.example.com/x').externalUrl!.host).to.equal('a.example.com');
    for (const wrong of ['a.example.com', 'ftp://a.example.com', 'a:5001', '']) {
      expect(() => parse(`--web.external-url=${wrong}`), wrong)
        .to.throw(/is not a URL; write it like https:/)
        .with.property('code', 'BAD_FLAG');
    }
  });

  it('restrict built-in signals to one of several clusters', () => {
    expect(parse().prometheus.matchers).to.equal(undefined);
    expect(parse('--prometheus.matcher={cluster="a"}').prometheus.matchers).to.equal('cluster="a"');
    expect(() => parse('--prometheus.matcher=cluster:a'))
      .to.throw('"cluster:a" is no label matcher; write it like cluster="eu-1"')
      .with.property('code', 'BAD_FLAG');
  });

  it('limit the changes of a minute, by default to any number', () => {
    expect(parse().maxChanges).to.deep.equal({ all: undefined, perNamespace: undefined });
    const given = parse('--scale.max-changes=20', '--scale.max-changes-per-namespace=5');
    expect(given.maxChanges).to.deep.equal({ all: 20, perNamespace: 5 });
    expect(() => parse('--scale.max-changes=0'))
      .to.throw('"0" is not a whole number from 1 on')
      .with.property('code', 'BAD_FLAG');
  });

  it('keep the last good rules of an emptied file by default', () => {
    expect(parse().allowTruncated).to.equal(false);
    expect(parse('--rules.allow-truncated').allowTruncated).to.equal(true);
  });
});

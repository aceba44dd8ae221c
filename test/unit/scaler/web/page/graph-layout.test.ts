import { expect } from 'chai';
import { layout } from '../../../../../scaler/web/page/graph-layout.js';

const edge = (from: string, to: string, waiting = 1) => ({ from, to, waiting, sent: 1 });

describe('the graph of who waits on whom', () => {
  it('places waiters before those they wait for, with edges by their waiting', () => {
    const graph = layout([edge('s/D/web', 's/D/cart', 4), edge('s/D/cart', '10.0.0.9:5432', 1)], []);
    const x = Object.fromEntries(graph.nodes.map((node) => [node.label, node.x]));
    expect(x['s/web']).to.be.below(x['s/cart']!);
    expect(x['s/cart']).to.be.below(x['10.0.0.9:5432']!);
    expect(graph.edges.map(({ stroke }) => stroke)).to.deep.equal([8, 4.5]);
    expect(graph.edges[0]!.path).to.match(/^M\d+,\d+ L/);
  });

  it('marks the way from a waiter to its bottleneck', () => {
    const edges = [edge('a', 'b'), edge('b', 'c'), edge('a', 'c')];
    const { edges: drawn } = layout(edges, [['a', 'b', 'c']]);
    const walked = drawn.filter(({ isWalked }) => isWalked).map(({ from, to }) => `${from} ${to}`);
    expect(walked).to.deep.equal(['a b', 'b c']);
  });

  it('draws circles, and workloads that call themselves', () => {
    expect(layout([edge('a', 'b'), edge('b', 'a'), edge('a', 'a')], []).edges).to.have.length(3);
  });

  it('leaves out what waits least of many, but nothing of a walk', () => {
    const edges = Array.from({ length: 1000 }, (_, index) => edge(`w${index}`, 'db', 1000 - index));
    const graph = layout(edges, [['w999', 'db']]);
    expect(graph.nodes).to.have.length(120);
    expect(graph.leftOut).to.equal(1000 - 119);
    expect(graph.edges[0]).to.include({ from: 'w999', isWalked: true });
  });

  it('draws nothing of nothing', () => {
    expect(layout([], []).nodes).to.deep.equal([]);
  });
});

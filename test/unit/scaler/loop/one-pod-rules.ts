/** One pod in ten minutes, of a workload that needs all of them. */
export const ONE_POD_IN_TEN_MINUTES = `groups:
  - name: shop
    interval: 1s
    signals: { queue: { expr: queue_length } }
    rules:
      - scale: cart
        scaleTargetRef: { kind: Deployment, namespace: shop, name: cart }
        maxReplicas: 20
        target: { signal: queue, averageValue: 1 }
        behavior: { scaleUp: { policies: [{ type: Pods, value: 1, periodSeconds: 600 }] } }
        decide: []
`;

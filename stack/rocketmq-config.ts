/**
 * The ports of an instance, as distances from the first. The broker listens on the one two before
 * its own too, and on the one after it.
 */
const PORT = { proxy: 0, proxyRemoting: 1, namesrv: 2, broker: 5 }
export const PORT_COUNT = 7

export const addressOf = (part: keyof typeof PORT, port: number): string =>
  `127.0.0.1:${port + PORT[part]}`

/**
 * The configuration of a name server, and of a broker and a proxy in one process.
 * @param port the first of PORT_COUNT free ports
 * @param bind where the name server and the broker listen; the proxy listens everywhere, always
 */
export function configFiles(port: number, bind: string): Record<string, string> {
  const namesrv = addressOf('namesrv', port)
  return {
    'namesrv.conf': properties({ bindAddress: bind, listenPort: port + PORT.namesrv }),
    'broker.conf': properties({
      brokerClusterName: 'DefaultCluster',
      brokerName: 'broker-a',
      brokerIP1: '127.0.0.1',
      bindAddress: bind,
      listenPort: port + PORT.broker,
      namesrvAddr: namesrv,
      // A topic that is made by the first message is no FIFO topic.
      autoCreateTopicEnable: false,
      // Nobody here sends delayed messages, whose wheel is compared byte by byte at each flush: by default
      // every second.
      timerFlushIntervalMs: 3_600_000,
      // Until the first interval is over its thread does not wait, but takes a whole core: by default for 10 s.
      transactionMetricFlushInterval: 1000,
      // 64 MiB instead of 1 GiB, on disks that may be small.
      mappedFileSizeCommitLog: 64 * 1024 * 1024,
    }),
    'rmq-proxy.json': JSON.stringify({
      rocketMQClusterName: 'DefaultCluster',
      grpcServerPort: port + PORT.proxy,
      remotingListenPort: port + PORT.proxyRemoting,
      namesrvAddr: namesrv,
      // It remembers that there is no such topic too; the default is 20 s.
      topicRouteServiceCacheRefreshSeconds: 1,
    }),
  }
}

const properties = (values: Record<string, string | number | boolean>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

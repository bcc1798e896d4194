/** Aborts at the first SIGINT or SIGTERM. The second one ends the process as usual. */
export function onSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort())
  }
  return controller.signal
}

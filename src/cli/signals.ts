/** Aborts at the first SIGINT or SIGTERM. The next one ends the process as usual. */
export function onSignal(): AbortSignal {
  const controller = new AbortController()
  const abort = () => {
    process.off('SIGINT', abort)
    process.off('SIGTERM', abort)
    controller.abort()
  }
  process.on('SIGINT', abort)
  process.on('SIGTERM', abort)
  return controller.signal
}

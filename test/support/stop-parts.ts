import type { Guard } from '../../stack/guard.ts'

export default async function stopParts(): Promise<void> {
  await (globalThis as { partsGuard?: Guard }).partsGuard?.undo()
}

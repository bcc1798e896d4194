/**
 * SOAK=1 makes some tests as long and as large as the faults that they are about: an outage of a
 * minute, a million products. Without it they are as short as still shows the same.
 */
export const soak = <T>(long: T, short: T): T => (process.env['SOAK'] === '1' ? long : short)

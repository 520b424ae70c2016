// The texts of the command palette.

export const palette = {
  open: 'Go to…',
  title: 'Go to a device, a fleet or a page, or act on a device',
  hint: 'Name of a device, fleet or page; or an action: “reboot gate-1”',
  kinds: { page: 'Page', fleet: 'Fleet', device: 'Device', action: 'Action', begun: 'Action' },
  offers: 'What fits',
  searching: 'Searching devices…',
  none: 'Nothing fits.',
  offered: (count: number) => (count === 1 ? '1 fits' : `${count} fit`),
  keys: '↑ ↓ choose · Enter opens · Esc closes',
  back: 'Back',
  arrivesNow: {
    cloudlink: 'It arrives now, over cloudlink.',
    heartbeat: 'It arrives with the answer to the next heartbeat.',
  },
  do: (title: string, name: string) => `${title}: ${name}`,
}

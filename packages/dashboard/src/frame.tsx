// What is around every page: where one is, for which organization, whether what is shown is live, and
// the way out. Whoever is not signed in sees the sign-in in its place.

import { Button, NativeSelect, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import { Refusal } from '@muster/core/errors.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { Failure, Loading } from './components/notices.tsx'
import { Palette } from './components/palette.tsx'
import { useLive, useMuster, useNow } from './muster.tsx'
import { SignIn } from './pages/sign-in.tsx'

export function Frame() {
  const { api } = useMuster()
  const queries = useQueryClient()
  const self = useQuery({ queryKey: ['self'], queryFn: () => api.whoAmI(), retry: false })
  if (self.error instanceof Refusal && self.error.code === 'unauthenticated')
    return <SignIn onDone={() => queries.resetQueries()} />
  if (self.error && !self.data)
    return <Failure error={self.error} retry={() => void self.refetch()} />
  if (!self.data) return <Loading />
  return <Signed email={self.data.email} />
}

function Signed({ email }: { email: string }) {
  const { live, words } = useMuster()
  useEffect(() => live.start(), [live])
  return (
    <>
      <a className="skip" href="#main">
        {words.skip}
      </a>
      <header className="top">
        <Link to="/fleets" className="brand">
          {words.product}
        </Link>
        <nav>
          <Link to="/fleets">{words.fleets}</Link>
          <Link to="/devices">{words.devicesLink}</Link>
          <a href="/docs">{words.reference}</a>
        </nav>
        <GoTo />
        <LiveSign />
        <Organizations />
        <ColourSwitch />
        <SignOut email={email} />
      </header>
      <main id="main" tabIndex={-1}>
        <Outlet />
      </main>
    </>
  )
}

function GoTo() {
  const { words } = useMuster()
  const [isOpen, setOpen] = useState(false)
  // From within a field, too.
  useHotkeys([['mod+K', () => setOpen(true)]], [])
  return (
    <>
      <Button
        size="xs"
        variant="default"
        aria-keyshortcuts="Control+K"
        onClick={() => setOpen(true)}
      >
        {words.palette.open}{' '}
        <span className="key" aria-hidden="true">
          Ctrl K
        </span>
      </Button>
      {isOpen && <Palette onClose={() => setOpen(false)} />}
    </>
  )
}

/** Whether what is shown is live, or how old it is. */
function LiveSign() {
  const { words } = useMuster()
  const { state, lostAt } = useLive()
  const now = useNow()
  const text =
    state === 'live'
      ? words.live
      : lostAt === null
        ? words.connecting
        : words.old(Math.max(0, Math.round((now - lostAt) / 1000)))
  const tone = state === 'live' ? 'good' : state === 'lost' ? 'bad' : 'quiet'
  return (
    <span className="live" data-tone={tone} data-live={state}>
      <span aria-hidden="true">{state === 'live' ? '●' : '○'}</span> {text}
    </span>
  )
}

function Organizations() {
  const { api, organization, chooseOrganization, words } = useMuster()
  const own = useQuery({
    queryKey: ['organizations'],
    queryFn: () => api.organizations.own(),
  })
  const items = own.data?.items ?? []
  if (items.length === 0) return null
  if (items.length === 1) return <span className="organization">{items[0]!.name}</span>
  return (
    <NativeSelect
      size="xs"
      aria-label={words.organization}
      value={organization ?? items[0]!.slug}
      onChange={(event) => chooseOrganization(event.currentTarget.value)}
      data={items.map(({ slug, name }) => ({ value: slug, label: name }))}
    />
  )
}

function ColourSwitch() {
  const { words } = useMuster()
  const scheme = useComputedColorScheme('light')
  const { setColorScheme } = useMantineColorScheme()
  const isDark = scheme === 'dark'
  return (
    <Button
      size="xs"
      variant="default"
      aria-label={isDark ? words.toLight : words.toDark}
      onClick={() => setColorScheme(isDark ? 'light' : 'dark')}
    >
      <span aria-hidden="true">{isDark ? '☀' : '☾'}</span>
    </Button>
  )
}

function SignOut({ email }: { email: string }) {
  const { api, words } = useMuster()
  const queries = useQueryClient()
  const out = useMutation({
    mutationFn: () => api.signOut(),
    onSuccess: () => queries.resetQueries(),
  })
  return (
    <Button size="xs" variant="default" title={email} onClick={() => out.mutate()}>
      {words.signOut}
    </Button>
  )
}

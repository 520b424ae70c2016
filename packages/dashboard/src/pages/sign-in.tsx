// Signing in: with e-mail and password, the code of the second factor once it is asked for, and at the
// provider where one is configured. It stands in the place of the page that was asked for.

import { Anchor, Button, TextInput } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { Refusal } from '@muster/core/errors.ts'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Failure } from '../components/notices.tsx'
import { useMuster } from '../muster.tsx'

export function SignIn({ onDone }: { onDone(): void }) {
  const { api, words } = useMuster()
  useDocumentTitle(`${words.signIn} – ${words.product}`)
  const [asksCode, setAsksCode] = useState(false)
  const methods = useQuery({ queryKey: ['methods'], queryFn: () => api.signInMethods() })
  const attempt = useMutation({
    mutationFn: api.signInByCookie,
    onSuccess: onDone,
    onError: (error) => {
      if (error instanceof Refusal && error.code === 'totp-required') setAsksCode(true)
    },
  })
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const said = (name: string) => String(form.get(name) ?? '')
    const totp = said('totp').trim()
    attempt.mutate({
      email: said('email'),
      password: said('password'),
      ...(totp ? { totp } : {}),
    })
  }
  const isAsked = attempt.error instanceof Refusal && attempt.error.code === 'totp-required'
  const provider = methods.data?.oidc?.name
  const to = encodeURIComponent(location.pathname + location.search)
  return (
    <main className="sign-in" id="main">
      <h1>{words.product}</h1>
      <form onSubmit={send}>
        <TextInput
          label={words.email}
          name="email"
          type="email"
          autoComplete="username"
          required
          withAsterisk={false}
        />
        <TextInput
          label={words.password}
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          type="password"
        />
        {asksCode && (
          <TextInput
            label={words.code}
            description={words.codeHint}
            name="totp"
            autoComplete="one-time-code"
            required
            withAsterisk={false}
            autoFocus
          />
        )}
        <Button type="submit" loading={attempt.isPending}>
          {words.signIn}
        </Button>
      </form>
      {attempt.error && !isAsked && <Failure error={attempt.error} />}
      {provider && (
        <Anchor href={`/api/v1/login/oidc?to=${to}`}>{words.signInWith(provider)}</Anchor>
      )}
    </main>
  )
}

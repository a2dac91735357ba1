package secret

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValuesOfVariablesThatLookLikeSecretsAreHidden(t *testing.T) {
	for entry, want := range map[string]string{
		"API_TOKEN=abc":                    "API_TOKEN=[hidden]",
		"aws_secret_access_key=abc":        "aws_secret_access_key=[hidden]",
		"PGPASSWORD=a=b c":                 "PGPASSWORD=[hidden]",
		"DB_PASSWD=1234":                   "DB_PASSWD=[hidden]",
		"MYSQL_PWD=x":                      "MYSQL_PWD=[hidden]",
		"GOOGLE_APPLICATION_CREDENTIALS={": "GOOGLE_APPLICATION_CREDENTIALS=[hidden]",
		"REDISCLI_AUTH=x":                  "REDISCLI_AUTH=[hidden]",
		"SENTRY_DSN=https://a@b/1":         "SENTRY_DSN=[hidden]",
		"Session_Cookie=x":                 "Session_Cookie=[hidden]",
		"DATABASE_URL=postgres://u:p@w@h:5/db?sslmode=off": "DATABASE_URL=postgres://[hidden]@h:5/db?sslmode=off",
		"CONFIG=host=h password=x user=u":                  "CONFIG=host=h password=[hidden] user=u",
		"URL=https://h/?access_token=x&n=1":                "URL=https://h/?access_token=[hidden]&n=1",
		"HEADER=Authorization: Bearer abcdefgh":            "HEADER=Authorization: Bearer [hidden]",
		"X=ghp_0123456789abcdef0123":                       "X=[hidden]",
		"X=-----BEGIN RSA PRIVATE KEY-----\nabc\n":         "X=[hidden]",
		"GOMEMLIMIT=64MiB":                                 "GOMEMLIMIT=64MiB",
		"PWD=/srv":                                         "PWD=/srv",
		"AUTH=off":                                         "AUTH=off",
		"API_TOKEN=":                                       "API_TOKEN=",
		"URL=http://$ADDR/a?b=c@d":                         "URL=http://$ADDR/a?b=c@d",
		"MAIL=me@example.com":                              "MAIL=me@example.com",
	} {
		require.Equal(t, want, Env(entry))
		require.Equal(t, want, Env(want), "what is hidden stays so")
	}
}

func TestArgumentsAreHiddenByTheirShapeAlone(t *testing.T) {
	for arg, want := range map[string]string{
		"--db-password=hunter2":                     "--db-password=[hidden]",
		"-Dapp.token=x":                             "-Dapp.token=[hidden]",
		"redis://:pw@h/0":                           "redis://[hidden]@h/0",
		"curl -H 'Authorization: Basic YWJjZGVm' h": "curl -H 'Authorization: Basic [hidden]' h",
		"--keep=3":                                  "--keep=3",
		"--max-steps=10":                            "--max-steps=10",
		"-addr=$ADDR":                               "-addr=$ADDR",
	} {
		require.Equal(t, want, Text(arg))
		require.Equal(t, want, Text(want))
	}
}

func TestSecretsThatAProgramMayPrintAreListedTheLongestFirst(t *testing.T) {
	require.Equal(t, []string{"admin:hunter2!", "hunter2!", "abcdef"},
		Values([]string{"URL=db://admin:hunter2!@h", "API_TOKEN=abcdef", "API_KEY=on", "PIN_KEY=1234", "A=b", "X_TOKEN=[hidden]"}))
}

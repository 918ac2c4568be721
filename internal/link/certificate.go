package link

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// certificateError says in words which certificate was refused and why. Other
// errors of a handshake are returned with the address only.
func certificateError(err error, domain string, addr net.Addr) error {
	at := "the server"
	if addr != nil {
		at = addr.String()
	}
	var verify *tls.CertificateVerificationError
	if !errors.As(err, &verify) || len(verify.UnverifiedCertificates) == 0 {
		if strings.Contains(err.Error(), "unrecognized name") { // an alert, RFC 6066 3; its type is not exported
			return fmt.Errorf("TLS with %s: it does not serve %s: %w\nhint: is the address right?", at, domain, err)
		}
		return fmt.Errorf("TLS with %s: %w", at, err)
	}
	cert := verify.UnverifiedCertificates[0]
	which := fmt.Sprintf("certificate %q of %s, issued by %q", certName(cert), at, cert.Issuer.CommonName)
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		why     string
		hint    string
	)
	switch {
	case errors.As(err, &host):
		why = fmt.Sprintf("is for %s, not for %s", strings.Join(certNames(cert), ", "), domain)
		hint = fmt.Sprintf("an account at %s needs a server whose certificate names %s; is the address right?", domain, domain)
	case errors.As(err, &unknown):
		why = "is signed by an authority that this machine does not know"
		hint = "name the authority's certificate in the configuration, or install it on this machine"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if time.Now().Before(cert.NotBefore) {
			why = "is not valid before " + cert.NotBefore.UTC().Format(time.RFC3339)
		} else {
			why = "expired on " + cert.NotAfter.UTC().Format(time.RFC3339)
		}
		hint = "renew it on the server, or check the clock of this machine"
	default:
		why = "does not verify"
		hint = "look at the certificate on the server"
	}
	return fmt.Errorf("%w: %s, %s: %w\nhint: %s", ErrCertificate, which, why, err, hint)
}

func certName(cert *x509.Certificate) string {
	if cert.Subject.CommonName != "" {
		return cert.Subject.CommonName
	}
	return strings.Join(certNames(cert), ", ")
}

func certNames(cert *x509.Certificate) []string {
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"no host name"}
	}
	return names
}

package site

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

// Files of the site's own authority and of the server certificate it signs.
// Clients trust the authority, so that the certificate can be renewed without
// telling them.
const (
	CAFile   = "ca.pem"
	caKey    = "ca.key"
	CertFile = "server.pem" // certificate and key: one file, replaced in one step
)

const (
	caYears   = 20
	certDays  = 365
	renewDays = 30 // before the end
)

// Certificate returns the server's certificate for the domain and its
// subdomains, making it on first use and renewing it when it is about to end.
func (s *Site) Certificate(now time.Time) (tls.Certificate, error) {
	ca, err := tls.LoadX509KeyPair(s.Path(CAFile), s.Path(caKey))
	if err != nil {
		return tls.Certificate{}, s.damaged(CAFile, err)
	}
	cert, err := tls.LoadX509KeyPair(s.Path(CertFile), s.Path(CertFile))
	if err == nil && now.Add(renewDays*24*time.Hour).Before(cert.Leaf.NotAfter) {
		return cert, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, s.damaged(CertFile, err)
	}
	certPEM, keyPEM, err := issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: s.Domain},
		NotBefore:   now.Add(-time.Hour),
		NotAfter:    now.Add(certDays * 24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{s.Domain, "*." + s.Domain},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}, ca.Leaf, ca.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := writeFile(s.Path(CertFile), append(certPEM, keyPEM...), 0o600); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// createAuthority makes the site's own authority in dir.
func createAuthority(dir, domain string, now time.Time) error {
	certPEM, keyPEM, err := issue(&x509.Certificate{
		Subject:               pkix.Name{CommonName: "AdminBot " + domain},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(caYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}, nil, nil)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, caKey), keyPEM, 0o600); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, CAFile), certPEM, 0o644)
}

// issue makes a key and a certificate for it, both as PEM, signed by parent or
// by itself.
func issue(template, parent *x509.Certificate, parentKey any) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("site: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, fmt.Errorf("site: %w", err)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("site: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("site: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

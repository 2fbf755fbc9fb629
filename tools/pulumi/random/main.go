// A stand-in for Pulumi's random provider, whose module is not published: generated passwords and nothing else.
//
// It writes the state that the provider writes (version 4.21, state schema 3 of RandomPassword), so that either takes
// over from the other. What it does not know, it refuses.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"os"
	"slices"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"golang.org/x/crypto/bcrypt"
)

const (
	password     = tokens.Type("random:index/randomPassword:RandomPassword")
	letters      = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	special      = "!@#$%&*()-_=+[]{}<>:?"
	stateVersion = `{"schema_version":"3"}`
	// bcrypt takes no more; the provider cuts a longer password off there as well.
	hashedBytes = 72
)

// version is set when the program is linked.
var version = "0.0.0"

type random struct{ plugin.UnimplementedProvider }

func main() {
	err := provider.Main("random", func(*provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		return plugin.NewProviderServer(&random{}), nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (*random) Pkg() tokens.Package { return "random" }

func (*random) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	parsed, err := semver.Parse(version)
	return plugin.PluginInfo{Version: &parsed}, err
}

func (*random) CheckConfig(_ context.Context, request plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	return plugin.CheckConfigResponse{Properties: request.News}, nil
}

func (*random) DiffConfig(context.Context, plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return plugin.DiffResult{Changes: plugin.DiffNone}, nil
}

func (*random) Configure(context.Context, plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	return plugin.ConfigureResponse{}, nil
}

func (*random) SignalCancellation(context.Context) error { return nil }

func (*random) Close() error { return nil }

func (*random) Check(_ context.Context, request plugin.CheckRequest) (plugin.CheckResponse, error) {
	if request.Type != password {
		return plugin.CheckResponse{}, fmt.Errorf("%s: expected %s, all that this stand-in has", request.Type, password)
	}
	var failures []plugin.CheckFailure
	for key, value := range request.News {
		switch {
		case key == "length" && value.IsNumber() && value.NumberValue() >= 1:
		case key == "special" && value.IsBool():
		case key == "__defaults":
		default:
			failures = append(failures, plugin.CheckFailure{
				Property: key,
				Reason:   "expected a length of 1 or more and special true or false, all that this stand-in has",
			})
		}
	}
	if !request.News.HasValue("length") {
		failures = append(failures, plugin.CheckFailure{Property: "length", Reason: "expected a length, got none"})
	}
	return plugin.CheckResponse{Properties: request.News, Failures: failures}, nil
}

// Diff compares what decides the characters; whatever else a state has, this provider or the real one wrote.
func (*random) Diff(_ context.Context, request plugin.DiffRequest) (plugin.DiffResponse, error) {
	var changed []resource.PropertyKey
	if request.OldOutputs["length"].NumberValue() != request.NewInputs["length"].NumberValue() {
		changed = append(changed, "length")
	}
	if isSpecial(request.OldOutputs) != isSpecial(request.NewInputs) {
		changed = append(changed, "special")
	}
	if len(changed) == 0 {
		return plugin.DiffResult{Changes: plugin.DiffNone}, nil
	}
	return plugin.DiffResult{Changes: plugin.DiffSome, ChangedKeys: changed, ReplaceKeys: changed}, nil
}

func (*random) Create(_ context.Context, request plugin.CreateRequest) (plugin.CreateResponse, error) {
	result, hash := resource.MakeComputed(resource.NewStringProperty("")), resource.MakeComputed(resource.NewStringProperty(""))
	id := resource.ID("")
	if !request.Preview {
		text, err := generated(int(request.Properties["length"].NumberValue()), isSpecial(request.Properties))
		if err != nil {
			return plugin.CreateResponse{}, err
		}
		hashed, err := bcrypt.GenerateFromPassword([]byte(text)[:min(len(text), hashedBytes)], bcrypt.DefaultCost)
		if err != nil {
			return plugin.CreateResponse{}, err
		}
		result, hash = secret(text), secret(string(hashed))
		id = "none"
	}
	state := resource.PropertyMap{
		"__meta":     resource.NewStringProperty(stateVersion),
		"id":         resource.NewStringProperty(string(id)),
		"length":     request.Properties["length"],
		"special":    resource.NewBoolProperty(isSpecial(request.Properties)),
		"result":     result,
		"bcryptHash": hash,
	}
	for _, key := range []resource.PropertyKey{"lower", "upper", "number", "numeric"} {
		state[key] = resource.NewBoolProperty(true)
	}
	for _, key := range []resource.PropertyKey{"minLower", "minUpper", "minNumeric", "minSpecial"} {
		state[key] = resource.NewNumberProperty(0)
	}
	return plugin.CreateResponse{ID: id, Properties: state, Status: resource.StatusOK}, nil
}

// Read has nothing to look at: a password is nowhere but in the state.
func (*random) Read(_ context.Context, request plugin.ReadRequest) (plugin.ReadResponse, error) {
	found := plugin.ReadResult{ID: request.ID, Inputs: request.Inputs, Outputs: request.State}
	return plugin.ReadResponse{ReadResult: found, Status: resource.StatusOK}, nil
}

func (*random) Delete(context.Context, plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	return plugin.DeleteResponse{Status: resource.StatusOK}, nil
}

// isSpecial says whether punctuation is among the characters: it is, where nothing is said.
func isSpecial(properties resource.PropertyMap) bool {
	value, said := properties["special"]
	return !said || value.BoolValue()
}

func secret(text string) resource.PropertyValue {
	return resource.MakeSecret(resource.NewStringProperty(text))
}

// generated draws every character by itself, each as likely as another.
func generated(length int, withSpecial bool) (string, error) {
	characters := letters
	if withSpecial {
		characters += special
	}
	text := slices.Repeat([]byte{0}, length)
	for place := range text {
		drawn, err := rand.Int(rand.Reader, big.NewInt(int64(len(characters))))
		if err != nil {
			return "", err
		}
		text[place] = characters[drawn.Int64()]
	}
	return string(text), nil
}

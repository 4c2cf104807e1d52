(** Real inner-product spaces, of any dimension, and how inner products expand into Gram entries.

    The axioms are symmetry, bilinearity and positivity; nothing else is ever used. *)

From Coq Require Export Reals Lra.
Open Scope R_scope.

Record space := {
  vector :> Type;
  zero : vector;
  add : vector -> vector -> vector;
  scal : R -> vector -> vector;
  inner : vector -> vector -> R;
  inner_sym : forall x y, inner x y = inner y x;
  inner_zero_l : forall z, inner zero z = 0;
  inner_add_l : forall x y z, inner (add x y) z = inner x z + inner y z;
  inner_scal_l : forall c x z, inner (scal c x) z = c * inner x z;
  inner_pos : forall x, 0 <= inner x x }.

Arguments zero {_}.
Arguments add {_}.
Arguments scal {_}.
Arguments inner {_}.

Declare Scope space_scope.
Delimit Scope space_scope with space.
Bind Scope space_scope with vector.
Open Scope space_scope.
Notation "x [+] y" := (add x y) (at level 50, left associativity) : space_scope.
Notation "x [-] y" := (add x (scal (-1) y)) (at level 50, left associativity) : space_scope.
Notation "c [*] x" := (scal c%R x) (at level 40, no associativity) : space_scope.
Notation "<< x , y >>" := (inner x y) (at level 0, x at level 99, y at level 99) : R_scope.
Notation "|| x ||2" := (inner x x) (at level 0, x at level 99, format "|| x ||2") : R_scope.
(** Equal for all inner products. *)
Notation "x [=] y" := (forall z, <<x, z>> = <<y, z>>) (at level 70, no associativity) : type_scope.

Section Expansion.
Context {E : space}.
Implicit Types x y z : E.

Lemma inner_zero_r z : <<z, zero>> = 0.
Proof. now rewrite inner_sym, inner_zero_l. Qed.

Lemma inner_add_r x y z : <<z, x [+] y>> = <<z, x>> + <<z, y>>.
Proof. rewrite inner_sym, inner_add_l. now rewrite (inner_sym _ x), (inner_sym _ y). Qed.

Lemma inner_scal_r c x z : <<z, c [*] x>> = c * <<z, x>>.
Proof. now rewrite inner_sym, inner_scal_l, (inner_sym _ x). Qed.

End Expansion.

#[global] Hint Rewrite @inner_zero_l @inner_zero_r @inner_add_l @inner_add_r @inner_scal_l @inner_scal_r : gram.

(** What stands in for the Cauchy-Schwarz inequality. *)
Lemma inner_le (E : space) (x y : E) : Rabs (2 * <<x, y>>) <= ||x||2 + ||y||2.
Proof.
  pose proof (inner_pos E (x [+] y)) as P. pose proof (inner_pos E (x [-] y)) as M.
  autorewrite with gram in P, M. rewrite (inner_sym _ y x) in P, M.
  apply Rabs_le. lra.
Qed.

(** The axioms have a model: the line. *)
Program Definition line : space := {|
  vector := R; zero := 0; add := Rplus; scal := Rmult; inner := Rmult |}.
Solve All Obligations with intros; try ring; apply Rle_0_sqr.

(** Quadratic forms of integers, and a check that they are sums of squares.

    [psd_check] trusts nothing it is given: the squares are only proposed, and what they leave over
    must have a dominant diagonal.  All computations are on integers, by [vm_compute]. *)

From Coq Require Export ZArith List Bool Lia.
From fbscheck Require Export Space.
Export ListNotations.

(** ** Integer vectors and matrices as coefficients of linear and bilinear forms *)

Fixpoint dot (l : list Z) (x : nat -> R) : R :=
  match l with [] => 0 | c :: l => IZR c * x O + dot l (fun i => x (S i)) end.

Fixpoint form (m : list (list Z)) (g : nat -> nat -> R) : R :=
  match m with [] => 0 | row :: m => dot row (g O) + form m (fun i => g (S i)) end.

Fixpoint zip {A} (op : A -> A -> A) (l l' : list A) : list A :=
  match l, l' with [], _ => l' | _, [] => l | a :: l, b :: l' => op a b :: zip op l l' end.

Definition plus : list Z -> list Z -> list Z := zip Z.add.
Definition mplus : list (list Z) -> list (list Z) -> list (list Z) := zip plus.
Definition times (c : Z) (l : list Z) : list Z := if (c =? 0)%Z then [] else map (Z.mul c) l.
Definition outer (u v : list Z) : list (list Z) := map (fun c => times c v) u.
Definition unit (k : nat) (c : Z) : list Z := repeat 0%Z k ++ [c].

Section Linearity.
Implicit Types (c : Z) (l : list Z) (m : list (list Z)) (x y : nat -> R) (g : nat -> nat -> R).

Lemma dot_ext l : forall x y, (forall i, x i = y i) -> dot l x = dot l y.
Proof. induction l as [|c l IH]; intros x y H; [ easy | cbn; now rewrite H, (IH _ (fun i => y (S i))) ]. Qed.

Lemma dot_scal l a : forall x, dot l (fun i => a * x i) = a * dot l x.
Proof. induction l as [|c l IH]; intros; cbn; [ ring | rewrite (IH (fun i => x (S i))); ring ]. Qed.

Lemma dot_plus l : forall l' x, dot (plus l l') x = dot l x + dot l' x.
Proof.
  induction l as [|c l IH]; intros [|c' l'] x; cbn; try ring. fold (plus l l'). rewrite IH, plus_IZR. ring.
Qed.

Lemma dot_times c l : forall x, dot (times c l) x = IZR c * dot l x.
Proof.
  unfold times. destruct (Z.eqb_spec c 0) as [->|_]; [ intros; cbn; ring | ].
  induction l as [|a l IH]; intros; cbn; [ ring | rewrite IH, mult_IZR; ring ].
Qed.

Lemma dot_app l l' : forall x, dot (l ++ l') x = dot l x + dot l' (fun i => x (length l + i)%nat).
Proof.
  induction l as [|c l IH]; intros; cbn [app length dot Nat.add]; [ now rewrite Rplus_0_l | ].
  rewrite (IH (fun i => x (S i))). ring.
Qed.

Lemma dot_unit k c : forall x, dot (unit k c) x = IZR c * x k.
Proof. induction k as [|k IH]; intros; cbn; [ ring | fold (unit k c); rewrite IH; ring ]. Qed.

Lemma dot_zeros l x : forallb (Z.eqb 0) l = true -> dot l x = 0.
Proof.
  revert x. induction l as [|c l IH]; intros x H; [ easy | ].
  apply andb_true_iff in H as [<-%Z.eqb_eq H]. cbn. rewrite IH by trivial. ring.
Qed.

Lemma form_mplus m : forall m' g, form (mplus m m') g = form m g + form m' g.
Proof.
  induction m as [|r m IH]; intros [|r' m'] g; cbn; try ring. fold (mplus m m'). rewrite IH, dot_plus. ring.
Qed.

Lemma form_times c m : forall g, form (map (times c) m) g = IZR c * form m g.
Proof. induction m as [|r m IH]; intros; cbn; [ ring | rewrite IH, dot_times; ring ]. Qed.

Lemma form_outer u v : forall g, form (outer u v) g = dot u (fun i => dot v (g i)).
Proof. induction u as [|c u IH]; intros; cbn; [ easy | now rewrite dot_times, IH ]. Qed.
End Linearity.

(** ** Vectors and Gram matrices *)

Definition gram {E : space} (b : nat -> E) (i j : nat) : R := <<b i, b j>>.

Fixpoint span {E : space} (l : list Z) (b : nat -> E) : E :=
  match l with [] => zero | c :: l => IZR c [*] b O [+] span l (fun i => b (S i)) end.

Lemma inner_span {E : space} l : forall (b : nat -> E) z, <<span l b, z>> = dot l (fun i => <<b i, z>>).
Proof. induction l as [|c l IH]; intros; cbn; autorewrite with gram; [ easy | now rewrite IH ]. Qed.

Lemma form_outer_gram {E : space} u v (b : nat -> E) : form (outer u v) (gram b) = <<span u b, span v b>>.
Proof.
  rewrite form_outer, inner_span. apply dot_ext. intros i. rewrite inner_sym, inner_span.
  apply dot_ext. intros j. apply inner_sym.
Qed.

(** ** The check *)

(** What |m_ij| for i <> j asks of the diagonal at i and j, twice, less what the diagonal has. *)
Fixpoint row_debts (i j : nat) (row : list Z) : list Z :=
  match row with
  | [] => []
  | c :: row => plus (if (i =? j)%nat then unit i (-2 * c) else plus (unit i (Z.abs c)) (unit j (Z.abs c)))
                     (row_debts i (S j) row)
  end.

Fixpoint debts (i : nat) (m : list (list Z)) : list Z :=
  match m with [] => [] | row :: m => plus (row_debts i 0 row) (debts (S i) m) end.

Definition squares : Type := list (Z * list Z).

(** [scale * m] without [sum w u u^T]. *)
Definition rest (scale : Z) (proposed : squares) (m : list (list Z)) : list (list Z) :=
  fold_right (fun '(w, u) => mplus (outer (times (- w) u) u)) (map (times scale) m) proposed.

Definition psd_check (scale : Z) (proposed : squares) (m : list (list Z)) : bool :=
  (0 <? scale)%Z && forallb (fun '(w, _) => 0 <=? w)%Z proposed
  && forallb (fun c => c <=? 0)%Z (debts 0 (rest scale proposed m)).

Section Soundness.
Context {E : space} (b : nat -> E).

Lemma row_debts_ok i row : forall j,
  - dot (row_debts i j row) (fun k => ||b k||2) <= 2 * dot row (fun k => gram b i (j + k)).
Proof.
  induction row as [|c row IH]; intros j; cbn [dot row_debts]; [ lra | ].
  rewrite dot_plus, (dot_ext row _ (fun k => gram b i (S j + k))) by (intros; f_equal; lia).
  specialize (IH (S j)). rewrite Nat.add_0_r. unfold gram at 1.
  destruct (Nat.eqb_spec i j) as [<-|_].
  - rewrite dot_unit, mult_IZR. lra.
  - rewrite dot_plus, !dot_unit, abs_IZR. pose proof (inner_le E (b i) (b j)) as H.
    apply (Rmult_le_compat_l _ _ _ (Rabs_pos (IZR c))) in H. rewrite <- Rabs_mult in H.
    pose proof (Rle_abs (- (IZR c * (2 * <<b i, b j>>)))) as H'. rewrite Rabs_Ropp in H'. lra.
Qed.

Lemma debts_ok m : forall i, - dot (debts i m) (fun k => ||b k||2) <= 2 * form m (fun k => gram b (i + k)).
Proof.
  assert (form_ext : forall m g g', (forall i j, g i j = g' i j) -> form m g = form m g').
  { clear. intros m; induction m as [|r m IH]; intros g g' H; cbn; [ easy | ].
    now rewrite (dot_ext r _ _ (H O)), (IH _ (fun i => g' (S i))). }
  induction m as [|row m IH]; intros i; cbn [form debts]; [ cbn; lra | ].
  rewrite dot_plus, Nat.add_0_r, (form_ext m _ (fun k => gram b (S i + k))) by (intros; f_equal; lia).
  specialize (IH (S i)). pose proof (row_debts_ok i row 0) as H. cbn [Nat.add] in *.
  rewrite (dot_ext row _ (gram b i)) in H by easy. lra.
Qed.

Lemma dot_nonpositive l : forall x, forallb (fun c => c <=? 0)%Z l = true -> (forall i, 0 <= x i) -> dot l x <= 0.
Proof.
  induction l as [|c l IH]; intros x H Hx; cbn; [ lra | ].
  apply andb_true_iff in H as [Hc%Z.leb_le%IZR_le H].
  pose proof (Rmult_le_compat_r _ _ _ (Hx O) Hc). specialize (IH (fun i => x (S i)) H (fun i => Hx (S i))). lra.
Qed.

Theorem psd_check_gram scale proposed m : psd_check scale proposed m = true -> 0 <= form m (gram b).
Proof.
  intros [[Hs%Z.ltb_lt%IZR_lt Hw]%andb_true_iff Hd]%andb_true_iff.
  assert (Hr : 0 <= form (rest scale proposed m) (gram b)).
  { apply dot_nonpositive with (x := fun k => ||b k||2) in Hd; [ | intros; apply inner_pos ].
    pose proof (debts_ok (rest scale proposed m) 0) as H. change (fun k => gram b (0 + k)) with (gram b) in H. lra. }
  clear Hd. enough (0 <= IZR scale * form m (gram b)) by (apply (Rmult_le_reg_l (IZR scale)); lra).
  induction proposed as [|[w u] proposed IH]; cbn in *.
  - now rewrite form_times in Hr.
  - apply andb_true_iff in Hw as [Hw%Z.leb_le%IZR_le Hws]. apply IH; trivial.
    rewrite form_mplus, form_outer, dot_times, <- form_outer, form_outer_gram, opp_IZR in Hr.
    pose proof (Rmult_le_pos _ _ Hw (inner_pos E (span u b))). fold (rest scale proposed m) in Hr. lra.
Qed.
End Soundness.

(** The same for numbers: the value of the quadratic form at any real vector [x]. *)
Theorem psd_check_sound scale proposed m : psd_check scale proposed m = true ->
  forall x : nat -> R, 0 <= form m (fun i j => x i * x j).
Proof. intros H x. exact (psd_check_gram (E := line) x scale proposed m H). Qed.

Print Assumptions psd_check_sound.
